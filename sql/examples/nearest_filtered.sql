-- name: nearest_filtered
-- The items of a dataset nearest to an item, with a tag and a minimum width.
-- Parameters: items, item (DATASET/SUBSET/ID), dataset, tag, width (pixels), k.
WITH (
    SELECT (hash, feature)
    FROM {items:Identifier}
    WHERE concat(dataset, '/', subset, '/', id) = {item:String}
    LIMIT 1
) AS target
SELECT
    dataset, subset, id, width, tags,
    bitHammingDistance(hash, target.1) AS distance,
    1 - cosineDistance(feature, target.2) AS similarity
FROM {items:Identifier}
WHERE dataset = {dataset:String} AND tags[{tag:String}] > 0 AND width >= {width:UInt32}
ORDER BY distance, dataset, subset, id
LIMIT {k:UInt64};
