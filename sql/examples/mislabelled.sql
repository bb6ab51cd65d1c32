-- name: mislabelled
-- Items least similar to the others with the same tag: to the mean embedding of the tag.
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
