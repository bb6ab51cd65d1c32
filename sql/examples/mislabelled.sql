-- name: mislabelled
-- Items that do not look like the others of their tag: the least similar to the tag's mean feature.
-- Parameters: items, tag, k.
WITH (
    SELECT avgForEach(feature) FROM {items:Identifier} WHERE tags[{tag:String}] > 0
) AS mean
SELECT
    dataset, subset, id,
    1 - cosineDistance(arrayMap(x -> toFloat64(x), feature), mean) AS similarity
FROM {items:Identifier}
WHERE tags[{tag:String}] > 0
ORDER BY similarity, dataset, subset, id
LIMIT {k:UInt64};
