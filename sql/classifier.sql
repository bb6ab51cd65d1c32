-- A classifier of a few clicks: what it learns from, and its lists that are no ranking.

-- name: classifier_items
-- Items with their features. No column's name is that of another's value, which conditions would
-- then read.
SELECT
    toString(dataset) AS dataset_name, toString(subset) AS subset_name, id,
    CAST(feature, 'Array(Float32)') AS numbers
FROM $table
WHERE $conditions AND notEmpty(feature)

-- name: unmarked
-- Items that nobody marked.
(dataset, subset, id) NOT IN JSONExtract({$marked:String}, 'Array(Tuple(String, String, String))')

-- name: nearest_the_border
-- Items by how near they are to the border of a classifier, a cosine similarity to its direction. The
-- features of all items are read.
WITH $measured
SELECT
    $columns,
    distance_1 AS distance,
    $similarity AS similarity,
    1 AS query$more
FROM $table
WHERE $conditions AND notEmpty(feature)
ORDER BY abs(similarity - {border:Float64}), dataset, subset, id
LIMIT {k:UInt64} OFFSET {offset:UInt64}

-- name: below_the_border
-- Items on the wrong side of the border.
similarity < {border:Float64}
