-- The search: one statement ranks one items table for any number of queries.
-- The hash finds candidates by Hamming distance, which a fitted hash sums over the planes of bits of
-- a query; cosine similarity orders the first
-- {candidates} of them; those beyond follow by distance, so that paging is stable for any k.

-- name: search
-- The items nearest to the queries, best first. `place` is an item's order by Hamming distance,
-- `query` (from 1) the query that it answers; the lower `score`, the better.
SELECT
    dataset, subset, id, uri,
    distances[query] AS distance,
    similarities[query] AS similarity,
    query,
    width, height, file_size, format, tags, captions, groups, status, attributes
FROM
(
    SELECT
        *,
        if(place > {candidates:UInt64}, 0, $score) AS score,
        if(place > {candidates:UInt64}, $query_by_distance, $query) AS query
    FROM
    (
        SELECT
            *,
            [$similarities] AS similarities,
            row_number() OVER (ORDER BY nearness, dataset, subset, id) AS place
        FROM
        (
            $candidates
        )
    )
)
ORDER BY place > {candidates:UInt64}, score, place
LIMIT {k:UInt64} OFFSET {offset:UInt64}

-- name: search_balanced
-- The answers of several queries merged: the best of each, then the second of each, no item twice.
-- `place` is an item's order by Hamming distance in one query's own answer, `rank` its rank there.
SELECT
    dataset, subset, id, uri,
    distance,
    similarity,
    query,
    width, height, file_size, format, tags, captions, groups, status, attributes
FROM
(
    SELECT
        *,
        row_number() OVER (
            PARTITION BY query
            ORDER BY place > {candidates:UInt64}, if(place > {candidates:UInt64}, 0, similarity) $order, place
        ) AS rank
    FROM
    (
        SELECT
            *,
            row_number() OVER (PARTITION BY query ORDER BY nearness, dataset, subset, id) AS place
        FROM
        (
            $candidates
        )
    )
)
ORDER BY rank, query
LIMIT 1 BY dataset, subset, id
LIMIT {k:UInt64} OFFSET {offset:UInt64}

-- name: candidates
-- The items that come first by `nearness`, which is lower the better; identity orders those equally
-- near. A first scan reads only `hash` and what the conditions name, to see how near the last item
-- wanted is; a second one reads names and features, of items that are as near alone. Both are cut
-- where they read, on a cluster by each shard.
SELECT
    dataset, subset, id, uri, width, height, file_size, format, tags, captions, groups, status, attributes, feature,
    [$distances] AS distances, [$order] AS nearnesses, $nearness AS nearness
FROM $table
WHERE $conditions AND nearness <= (
    SELECT max(nearness) FROM (SELECT [$distances], [$order], $nearness AS nearness
    FROM $table WHERE $conditions ORDER BY nearness LIMIT {scanned:UInt64}))
ORDER BY nearness, dataset, subset, id LIMIT {scanned:UInt64}

-- name: other_candidates
-- Candidates without the queries themselves.
SELECT * FROM (
    $candidates
)
WHERE $excluding ORDER BY nearness, dataset, subset, id LIMIT {reach:UInt64}

-- name: candidates_of_query
-- The candidates of one query among several.
SELECT *, distances[1] AS distance, $similarity AS similarity, $number AS query
FROM (
    $candidates
)

-- name: or_also
-- Between the candidates of one query and those of the next.
UNION ALL

-- name: distance_to
-- Bits of the hash that differ from a query's, given in hex.
bitHammingDistance(hash, toFixedString(unhex({$hash:String}), $hash_bytes)) AS $distance

-- name: nearness_to
-- The order of candidates for a query of several planes of bits: the highest counts most.
$weight * $distance + $lower AS $nearness

-- name: plane_distance
-- Bits of the hash that differ from a lower plane of a query, given in hex.
$weight * bitHammingDistance(hash, toFixedString(unhex({$hash:String}), $hash_bytes))

-- name: plus
-- Between what is added.
+

-- name: similarity_to
-- Cosine similarity of the feature to a query's; 0 where either is all zeros and has no direction,
-- or is missing, as of imported hashes.
ifNotFinite(
    1 - cosineDistance(
        arrayResize(feature, length({$feature:Array(Float32)})), {$feature:Array(Float32)}),
    0)

-- name: least_of
-- The distance to the nearest of several queries.
least($values)

-- name: greatest_of
-- The distance to the farthest of several queries.
greatest($values)

-- name: distance_within
-- The cut-off by Hamming distance.
$distance <= {max_distance:UInt32}

-- name: of_datasets
-- Items of the named datasets.
dataset IN {datasets:Array(String)}

-- name: of_subsets
-- Items of the named subsets.
subset IN {subsets:Array(String)}

-- name: not_the_pictures
-- Items whose files are not those of the pictures that are queries.
lower(hex(sha256)) NOT IN {pictures:Array(String)}

-- name: not_the_items
-- Items other than those that are queries themselves.
(dataset, subset, id) NOT IN {excluded:Array(Tuple(String, String, String))}

-- name: every_item
-- No condition at all.
true

-- name: and_also
-- Between conditions that all hold.
AND

-- name: reversed
-- The least near first.
-($value)

-- name: only_query
-- The query that an item answers where there is but one.
1

-- name: most_similar_query
-- The query that the item resembles most.
indexOf($similarities, arrayMax($similarities))

-- name: least_distant_query
-- The query to which the item is nearest by hash.
indexOf(nearnesses, arrayMin(nearnesses))

-- name: most_distant_query
-- The query from which the item is farthest by hash.
indexOf(nearnesses, arrayMax(nearnesses))

-- name: ranked_query
-- The query in whose own order by similarity the item has the rank that `score` says.
indexOf(ranks, score)

-- name: all_similarities
-- The similarities to all queries.
similarities

-- name: similarities_within
-- The similarities to the queries within the cut-off; a query beyond it is not answered.
arrayMap((similarity, distance) -> if(distance <= {max_distance:UInt32}, similarity, -2), similarities, distances)

-- name: score_by_similarity
-- The most similar first, to whichever query.
-arrayMax($similarities)

-- name: score_by_dissimilarity
-- The least similar first, to whichever query.
arrayMax($similarities)

-- name: score_by_worst_rank
-- An item is as good as its worst rank in the queries' own orders.
arrayMax([$similarity_ranks] AS ranks)

-- name: similarity_rank
-- The item's rank in one query's own order by similarity.
row_number() OVER (ORDER BY place > {candidates:UInt64}, similarities[$number] $order, place)

-- name: ascending
-- The lowest first.
ASC

-- name: descending
-- The highest first.
DESC

-- name: items_of_names
-- The stored items that names may mean: ID, SUBSET/ID, DATASET/ID or DATASET/SUBSET/ID.
-- `ids` are the ends of the names after each slash, so that most rows are left at a glance.
SELECT dataset, subset, id, uri, lower(hex(hash)) AS hash, feature
FROM $table
WHERE id IN {ids:Array(String)}
  AND (
    id IN {names:Array(String)}
    OR concat(subset, '/', id) IN {names:Array(String)}
    OR concat(dataset, '/', id) IN {names:Array(String)}
    OR concat(dataset, '/', subset, '/', id) IN {names:Array(String)}
  )
ORDER BY dataset, subset, id

-- name: items_like_name
-- The stored items whose name, or whose file's, is most like a name.
SELECT dataset, subset, id
FROM $table
ORDER BY arrayMin(
    known -> editDistanceUTF8(substringUTF8(lower(known), 1, 200), substringUTF8(lower({name:String}), 1, 200)),
    [id, concat(dataset, '/', id), concat(dataset, '/', subset, '/', id), basename(id)]
), dataset, subset, id
LIMIT {limit:UInt64}

-- name: find_featureless
-- An item with a hash but no feature.
SELECT id FROM $table WHERE empty(feature) LIMIT 1

-- name: tag_names
-- Every tag that an item of the model has.
SELECT DISTINCT arrayJoin(mapKeys(tags)) AS tag
FROM $table
ORDER BY tag
LIMIT {limit:UInt64}

-- name: dataset_names
-- The datasets of the model with their subsets.
SELECT DISTINCT dataset, subset
FROM $table
ORDER BY dataset, subset

-- name: set_parameter
-- The value of a parameter, for a client without parameters of its own.
SET $name = $value
