-- What a report says of the items it is of.

-- name: report_items
-- How many items there are, without an annotation, and without an embedding; their usual size in
-- pixels and the bytes of their files.
SELECT
    count(),
    countIf(empty(tags) AND empty(boxes) AND empty(captions)),
    countIf(empty(feature)),
    toUInt64(ifNotFinite(quantileExact(width), 0)),
    toUInt64(ifNotFinite(quantileExact(height), 0)),
    sum(file_size)
FROM $table
WHERE $conditions

-- name: report_subsets
-- The items of each subset, the largest first.
SELECT toString(dataset) AS dataset_name, toString(subset) AS subset_name, count() AS items
FROM $table
WHERE $conditions
GROUP BY dataset_name, subset_name
ORDER BY items DESC, dataset_name, subset_name

-- name: report_tags
-- The items of each tag, the commonest first.
SELECT arrayJoin(mapKeys(tags)) AS tag, count() AS items
FROM $table
WHERE $conditions
GROUP BY tag
ORDER BY items DESC, tag
