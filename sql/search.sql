-- The search: one statement ranks one items table for any number of queries.
-- The hash finds candidates by Hamming distance, which a fitted hash sums over the planes of bits of
-- a query; cosine similarity orders the first
-- {candidates} of them; those beyond follow by distance, so that paging is stable for any k.

-- name: identity
-- What an item is known by.
dataset, subset, id

-- name: identity_and_place
-- What an item is known by, and where its picture is.
dataset, subset, id, uri

-- name: described
-- What else an answer says of an item.
width, height, file_size, format, tags, captions, groups, status, attributes

-- name: described_object
-- The same of an object: the picture that it is on, its place there, its tag, and its box in pixels.
parent, number, tag, x, y, width, height, area

-- name: search
-- The items nearest to the queries, best first. `place` is an item's order by Hamming distance,
-- `query` (from 1) the query that it answers; the lower `score`, the better.
WITH
    if(place > {candidates:UInt64}, 0, $score) AS score,
    if(place > {candidates:UInt64}, $query_by_distance, $query) AS query
SELECT
    $first_columns,
    distances[query] AS distance,
    similarities[query] AS similarity,
    query$more
FROM
(
    SELECT *, row_number() OVER nearest AS place$bounds
    FROM
    (
        $candidates
    )
    WINDOW nearest AS (${apart}ORDER BY nearness, dataset, subset, id$frame)
)
WHERE $kept
ORDER BY place > {candidates:UInt64}, score, place
LIMIT {k:UInt64} OFFSET {offset:UInt64}

-- name: search_balanced
-- The answers of several queries merged: the best of each, then the second of each, no item twice.
-- `place` is an item's order by Hamming distance in one query's own answer, `rank` its rank there.
SELECT
    $first_columns,
    distance,
    similarity,
    query$more
FROM
(
    SELECT
        *,
        row_number() OVER (
            PARTITION BY query
            ORDER BY $beyond, if($beyond, 0, similarity) $order, place
        ) AS rank
    FROM
    (
        SELECT
            *,
            row_number() OVER (PARTITION BY query, excluded ORDER BY nearness, dataset, subset, id) AS place
        FROM
        (
            $candidates
        )
    )
    WHERE NOT excluded
)
ORDER BY rank, query
LIMIT 1 BY dataset, subset, id
LIMIT {k:UInt64} OFFSET {offset:UInt64}

-- name: at_least_similar
-- Of the matches of a search those that are similar enough.
SELECT *
FROM
(
$statement
)
WHERE similarity >= {min_similarity:Float64}

-- name: as_percentiles
-- The matches of a search with percentiles as similarities: the share of the catalog's own pairs that are
-- no more alike. `scales` has for each kind of query the similarities at which so many pairs are that
-- `percents` says, ascending; between two of them shares are interpolated. Copies may be a bit less alike
-- than 1.
SELECT
    * EXCEPT (at_percents, reached)
    REPLACE (
        multiIf(
            reached = 0, 0,
            reached = length(at_percents), 1,
            {percents:Array(Float64)}[reached]
                + ({percents:Array(Float64)}[reached + 1] - {percents:Array(Float64)}[reached])
                * greatest(similarity - at_percents[reached], 0) / (at_percents[reached + 1] - at_percents[reached])
        ) AS similarity)
FROM
(
    SELECT *, arrayCount(one -> one <= similarity + 1e-6, at_percents) AS reached
    FROM
    (
        SELECT *, {scales:Array(Array(Float64))}[{scale_of:Array(UInt8)}[query]] AS at_percents
        FROM
        (
            $statement
        )
    )
)

-- name: fused
-- The rankings of several models as one: an item's score is the sum of 1 / (60 + its rank) over the models
-- that found it. What is told of it is what the model says where its rank is best.
SELECT * EXCEPT (rank, model, score)
FROM
(
    SELECT *, round(sum(1 / (60 + rank)) OVER (PARTITION BY dataset, subset, id), 12) AS score
    FROM
    (
        $rankings
    )
)
ORDER BY score DESC, dataset, subset, id, rank, model
LIMIT 1 BY dataset, subset, id
LIMIT {fused:UInt64} OFFSET {fused_after:UInt64}

-- name: ranked_by_model
-- The ranking of one model, of the number $number.
SELECT *, row_number() OVER () AS rank, $number AS model
FROM
(
    $statement
)

-- name: what_else_sorts
-- What matches are sorted by, other than what an answer says of them.
orientation, scores, filename

-- name: what_else_sorts_objects
-- The same of objects.
file_size, format, filename, tags, scores

-- name: sorted
-- What a search found in an order of one's own; identity orders those that are equal in it.
SELECT * EXCEPT ($what_else_sorts)
FROM
(
    $statement
)
ORDER BY $order
LIMIT {page:UInt64} OFFSET {skipped:UInt64}

-- name: ranked_items
-- The items of a search by the 64-bit hash of their identity; columns that nothing reads are not read.
SELECT cityHash64(dataset, subset, id) AS item, distance, similarity$more
FROM
(
$statement
)

-- name: list_items
-- Items in an order of one's own; identity orders those that are equal in it.
SELECT
    $first_columns,
    CAST(NULL, 'Nullable(UInt16)') AS distance,
    CAST(NULL, 'Nullable(Float64)') AS similarity,
    0 AS query,
    $described
FROM $table
WHERE $conditions
ORDER BY $order
LIMIT {k:UInt64} OFFSET {offset:UInt64}

-- name: order_by_key
-- By a value of an item; items that have none come last.
$key $direction NULLS LAST

-- name: order_at_random
-- In an order that only the seed decides.
cityHash64({seed:UInt64}, dataset, subset, id)

-- name: sort_by_number_or_text
-- An attribute: by number where it is one, then by text.
toFloat64OrNull($attribute) $direction NULLS LAST, $attribute

-- name: candidates
-- The items that come first by `nearness`, which is lower the better; identity orders those equally
-- near. A first scan reads only `hash` and what the conditions name, to see how near the last item
-- wanted is; a second one reads names and features, of items that are as near alone. Both are cut
-- where they read, on a cluster by each shard.
SELECT
    $columns,
    $excluded AS excluded,
    [$similarities] AS similarities,
    [$distances] AS distances, [$order] AS nearnesses, $nearness AS nearness
FROM $table
WHERE $conditions AND nearness <= (
    SELECT max(nearness) FROM (SELECT [$distances], [$order], $nearness AS nearness
    FROM $table WHERE $conditions ORDER BY nearness LIMIT {scanned:UInt64}))
ORDER BY nearness, dataset, subset, id LIMIT {scanned:UInt64}

-- name: candidates_in_one_scan
-- The items that come first by `nearness`, of all or of those found in cells. Of all they are some more
-- than are wanted, in no order of those equally near: of the items as near as the last, some may be missing.
SELECT
    $columns,
    $excluded AS excluded,
    [$similarities] AS similarities,
    [$distances] AS distances, [$order] AS nearnesses, $nearness AS nearness
FROM $table
WHERE $conditions
ORDER BY nearness$ties LIMIT {$limit:UInt64}

-- name: among_hashes
-- Items that come first by hashes that stand apart from the items: in memory, or in cells, some more than
-- are wanted, for those that are gone. What stands there of an item that has another hash by now is no item
-- of these. On a cluster they are a shard's own cells, so that every shard answers it for itself.
(dataset, subset, id, hash) IN (
    WITH $measured
    SELECT dataset, subset, id, hash
    FROM $hashes
    WHERE $conditions
    ORDER BY $nearness, dataset, subset, id LIMIT {$limit:UInt64}
)

-- name: search_apart
-- The items nearest to one query by hash, of those that come first by hashes apart: shorter than `search`,
-- for planning takes most of its time.
WITH $measured
SELECT
    $first_columns,
    $distance AS distance,
    $similarity AS similarity,
    1 AS query$more
FROM $table
WHERE $conditions AND NOT $excluded
ORDER BY $nearness, dataset, subset, id
LIMIT {k:UInt64} OFFSET {offset:UInt64}

-- name: bounds
-- How near the last item wanted is, and how near the last of all that were fetched.
nth_value(nearness, {reach:UInt64}) OVER nearest AS reached,
last_value(nearness) OVER nearest AS farthest,
count() OVER nearest AS found

-- name: whole
-- Whether the items wanted are all nearer than any that one scan may have missed.
found + {left_out:UInt64} < {fetched:UInt64} OR (found >= {reach:UInt64} AND reached < farthest) AS whole

-- name: in_full
-- A window of all rows.
ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING

-- name: excluded_apart
-- The queries themselves have places of their own.
PARTITION BY excluded

-- name: not_excluded
-- Items other than the queries themselves.
NOT excluded

-- name: items_of_answer
-- What an answer says of its items, found by the key.
SELECT $columns
FROM $table
WHERE (dataset, subset, id) IN JSONExtract({identities:String}, 'Array(Tuple(String, String, String))')

-- name: candidates_of_query
-- The candidates of one query among several.
SELECT *, distances[1] AS distance, similarities[1] AS similarity, $number AS query
FROM (
    $candidates
)

-- name: or_also
-- Between the candidates of one query and those of the next.
UNION ALL

-- name: differing_bits
-- Bits of the hash that differ from those of another.
bitHammingDistance(hash, $other)

-- name: given_hash
-- The hash of a query, or a lower plane of it, given in hex.
toFixedString(unhex({$hash:String}), $hash_bytes)

-- name: distance_to
-- The distance to a query.
$bits AS $distance

-- name: nearness_to
-- The order of candidates for a query of several planes of bits: the highest counts most.
$weight * $distance + $lower AS $nearness

-- name: plane_distance
-- The distance to a lower plane of a query.
$weight * $bits

-- name: plus
-- Between what is added.
+

-- name: similarity_to
-- Cosine similarity of the feature to a query's; 0 where
-- either is all zeros and has no direction, or is missing, as of imported hashes.
ifNotFinite(
    1 - cosineDistance(
        arrayResize(feature, $dimension), $given),
    0)

-- name: given_feature
-- The feature of a query, given as the base64 of its numbers (Float32).
reinterpret(base64Decode({$feature:String}), 'Array(Float32)')

-- name: least_of
-- The distance to the nearest of several queries.
least($values)

-- name: greatest_of
-- The distance to the farthest of several queries.
greatest($values)

-- name: similar_enough
-- The cut-off by similarity where all that is similar enough is wanted: what is not is neither ranked nor sorted.
$similarity >= {least:Float64}

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

-- name: not_in_the_groups
-- Items that are in none of the groups that are queries.
NOT hasAny(groups, {own_groups:Array(String)})

-- name: mean_of_group
-- How many items of a group have a feature, and the mean of these.
SELECT count(), avgForEach(feature) FROM $table WHERE has(groups, {group:String}) AND notEmpty(feature)

-- name: items_of_group
-- The items of a group, as `items_of_names` has them.
SELECT dataset, subset, id, uri, lower(hex(hash)) AS hash, feature
FROM $table
WHERE has(groups, {group:String})
ORDER BY dataset, subset, id
LIMIT {limit:UInt64}

-- name: group_names
-- The groups that items are in.
SELECT DISTINCT arrayJoin(groups) AS name FROM $table ORDER BY name LIMIT 10000

-- name: boxes_of_items
-- The annotated boxes of items, found by the key.
SELECT dataset, subset, id, boxes
FROM $table
WHERE notEmpty(boxes)
  AND (dataset, subset, id) IN JSONExtract({identities:String}, 'Array(Tuple(String, String, String))')

-- name: is_a_query
-- Whether an item is itself a query.
(dataset, subset, id) IN {excluded:Array(Tuple(String, String, String))}

-- name: no_item
-- No item at all.
false

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
row_number() OVER (ORDER BY $beyond, similarities[$number] $order, place)

-- name: beyond_candidates
-- What similarity does not order.
place > {candidates:UInt64}

-- name: ascending
-- The lowest first.
ASC

-- name: descending
-- The highest first.
DESC

-- name: items_of_names
-- The stored items that names may mean: ID, SUBSET/ID, DATASET/ID or DATASET/SUBSET/ID.
-- `ids` are the ends of the names after each slash, so that most rows are left at a glance.
SELECT dataset, subset, id, uri, lower(hex(hash)) AS hash, feature, $box
FROM $table
WHERE id IN {ids:Array(String)}
  AND (
    id IN {names:Array(String)}
    OR concat(subset, '/', id) IN {names:Array(String)}
    OR concat(dataset, '/', id) IN {names:Array(String)}
    OR concat(dataset, '/', subset, '/', id) IN {names:Array(String)}
  )
ORDER BY dataset, subset, id

-- name: box_of_object
-- The box that an object is, in pixels.
[(x, y, width, height)]

-- name: no_box
-- A picture is no box.
CAST([], 'Array(Tuple(Float32, Float32, UInt32, UInt32))')

-- name: whole_item
-- All that is known of an item, but for its feature.
SELECT
    * EXCEPT (feature, metadata_digest, sha256, hash),
    lower(hex(sha256)) AS sha256, lower(hex(hash)) AS hash, length(feature) AS dimension
FROM $table
WHERE dataset = {dataset:String} AND subset = {subset:String} AND id = {id:String}
ORDER BY ingested_at DESC
LIMIT 1

-- name: items_like_name
-- The stored items whose name, or whose file's, is most like a name; of those alone whose file names
-- share most with the name's last part, for to edit every name into another takes seconds.
SELECT dataset, subset, id
FROM (
    SELECT dataset, subset, id
    FROM $table
    ORDER BY ngramDistanceCaseInsensitive(basename(id), basename({name:String}))
    LIMIT 2000
)
ORDER BY arrayMin(
    known -> $unlikeness,
    [id, concat(dataset, '/', id), concat(dataset, '/', subset, '/', id), basename(id)]
), dataset, subset, id
LIMIT {limit:UInt64}

-- name: unlikeness
-- How unlike a name is to a known one.
editDistanceUTF8(substringUTF8(lower(known), 1, 200), substringUTF8(lower({name:String}), 1, 200))

-- name: find_featureless
-- An item with a hash but no feature.
SELECT id FROM $table WHERE empty(feature) LIMIT 1

-- name: tag_names
-- Every tag that an item of the model has.
SELECT DISTINCT arrayJoin(mapKeys(tags)) AS tag
FROM $table
ORDER BY tag
LIMIT {limit:UInt64}

-- name: tags_of_names
-- Which of some names are tags of items: it ends as soon as all are found.
SELECT DISTINCT arrayJoin(arrayFilter(tag -> has({names:Array(String)}, tag), mapKeys(tags))) AS tag
FROM $table
LIMIT {limit:UInt64}

-- name: any_with_entry
-- An item that has an attribute, or a score, of that name.
SELECT 1 FROM $table WHERE mapContains($column, {name:String}) LIMIT 1

-- name: entry_names
-- The names of attributes, or of scores.
SELECT DISTINCT arrayJoin(mapKeys($column)) AS name FROM $table ORDER BY name LIMIT 10000

-- name: any_item
-- A row where the model has items.
SELECT 1 FROM $table LIMIT 1

-- name: dataset_names
-- The datasets of the model with their subsets.
SELECT DISTINCT dataset, subset
FROM $table
ORDER BY dataset, subset

-- name: set_value
-- A setting of the statements that follow, or, as param_NAME, the value of a parameter.
SET $name = $value
