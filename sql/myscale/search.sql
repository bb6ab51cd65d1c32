-- The search on MyScale: candidates are what its vector index finds, by cosine, for each query;
-- all else is sql/search.sql.

-- name: candidates_by_index
-- The items that the vector index finds nearest to the queries, each once. `nearness` is by cosine
-- here, lower the better; the distance in bits is told for these items alone.
SELECT
    $columns,
    $excluded AS excluded,
    [$similarities] AS similarities,
    [$distances] AS distances, [$order] AS nearnesses, $nearness AS nearness
FROM
(
    $found
)
LIMIT 1 BY dataset, subset, id

-- name: found_by_index
-- The items nearest to one query, of those that the filter leaves.
SELECT $columns, hash, feature, $distance AS cosine_distance
FROM $table
WHERE $conditions
ORDER BY cosine_distance
LIMIT {scanned:UInt64}
$settings

-- name: index_distance
-- What MyScale's vector index is asked for: with its metric, cosine distance.
distance(feature, $feature)

-- name: unindexed_too
-- Items that are not in the vector index yet are found by reading them.
SETTINGS enable_brute_force_vector_search = 1

-- name: named_similarity
-- Cosine similarity to one query, for others to refer to.
$similarity AS similarity_$number

-- name: nearness_by_similarity
-- The order of what the vector index found.
1 - similarity_$number AS nearness_$number

-- name: given_feature_as_numbers
-- The feature of a query, given as numbers: `reinterpret` makes arrays from ClickHouse 25.7 on.
{$feature:Array(Float32)}

-- name: differing_bits_by_words
-- Bits of the hash that differ from those of another, eight bytes at a time: bitHammingDistance
-- takes strings from ClickHouse 23.5 on.
toUInt16(arraySum(arrayMap(
    at -> bitHammingDistance(
        reinterpretAsUInt64(substring(hash, at, 8)), reinterpretAsUInt64(substring($other, at, 8))),
    range(1, length(hash) + 1, 8))))

-- name: unlikeness_by_ngrams
-- How unlike a name is to a known one: editDistanceUTF8 is there from ClickHouse 24.6 on.
ngramDistanceCaseInsensitiveUTF8(known, {name:String})
