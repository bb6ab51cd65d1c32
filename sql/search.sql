-- The search: one statement ranks one items table for any number of queries.
-- The hash finds candidates by Hamming distance; cosine similarity orders the first
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
    SELECT *, $score AS score, $query AS query
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

-- name: candidates
-- The items that come first by `nearness`, which is lower the better.
SELECT
    dataset, subset, id, uri, width, height, file_size, format,
    tags, captions, groups, status, attributes, feature,
    [$distances] AS distances,
    $nearness AS nearness
FROM $table
WHERE $conditions
ORDER BY nearness, dataset, subset, id
LIMIT {reach:UInt64}

-- name: candidates_of_each
-- The candidates of several queries, each bringing its own, no item twice.
SELECT
    * EXCEPT nearness,
    [$distance_ranks] AS distance_ranks,
    arrayMin(distance_ranks) AS nearness
FROM
(
    SELECT *
    FROM
    (
        $selects
    )
    LIMIT 1 BY dataset, subset, id
)

-- name: or_also
-- Between the candidates of one query and those of the next.
UNION ALL

-- name: distance_to
-- Bits of the hash that differ from a query's, given in hex.
bitHammingDistance(hash, toFixedString(unhex({${hash}:String}), $hash_bytes))

-- name: similarity_to
-- Cosine similarity of the feature to a query's.
1 - cosineDistance(feature, {${feature}:Array(Float32)})

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
indexOf(similarities, arrayMax(similarities))

-- name: least_distant_query
-- The query from whose hash the item's differs least.
indexOf(distances, arrayMin(distances))

-- name: most_distant_query
-- The query from whose hash the item's differs most.
indexOf(distances, arrayMax(distances))

-- name: best_distance_ranked_query
-- The query in whose own order by distance the item comes first.
indexOf(distance_ranks, nearness)

-- name: ranked_query
-- The query in whose own order by similarity the item has the rank that `score` says.
indexOf(ranks, score)

-- name: score_by_place
-- The order by Hamming distance as it is.
place

-- name: score_by_similarity
-- The most similar first, to whichever query.
-arrayMax(similarities)

-- name: score_by_dissimilarity
-- The least similar first, to whichever query.
arrayMax(similarities)

-- name: score_by_best_rank
-- An item is as good as its best rank in the queries' own orders.
arrayMin([$similarity_ranks] AS ranks)

-- name: score_by_worst_rank
-- An item is as good as its worst rank in the queries' own orders.
arrayMax([$similarity_ranks] AS ranks)

-- name: similarity_rank
-- The item's rank in one query's own order by similarity.
row_number() OVER (ORDER BY place > {candidates:UInt64}, similarities[$number] $order, place)

-- name: distance_rank
-- The item's rank in one query's own order by distance.
row_number() OVER (ORDER BY distances[$number] $order, dataset, subset, id)

-- name: ascending
-- The lowest first.
ASC

-- name: descending
-- The highest first.
DESC

-- name: item_of_name
-- The stored items that a name may mean: ID, SUBSET/ID, DATASET/ID or DATASET/SUBSET/ID.
SELECT dataset, subset, id, uri, lower(hex(hash)) AS hash, feature
FROM $table
WHERE (id = {name:String} OR endsWith({name:String}, concat('/', id)))
  AND {name:String} IN (id, concat(subset, '/', id), concat(dataset, '/', id), concat(dataset, '/', subset, '/', id))
ORDER BY dataset, subset, id
LIMIT {limit:UInt64}

-- name: items_like_name
-- The stored items whose id is most like a name.
SELECT dataset, subset, id
FROM $table
ORDER BY editDistanceUTF8(substringUTF8(lower(id), 1, 200), substringUTF8(lower({name:String}), 1, 200)), dataset, subset, id
LIMIT {limit:UInt64}

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
