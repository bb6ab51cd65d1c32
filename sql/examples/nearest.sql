-- name: nearest
-- The items nearest to an item, by its name DATASET//ID or DATASET/SUBSET/ID.
-- Parameters: items, item, k.
WITH (
    SELECT (hash, feature)
    FROM {items:Identifier}
    WHERE concat(dataset, '/', subset, '/', id) = {item:String}
    LIMIT 1
) AS target
SELECT
    dataset, subset, id,
    bitHammingDistance(hash, target.1) AS distance,
    1 - cosineDistance(feature, target.2) AS similarity
FROM {items:Identifier}
WHERE concat(dataset, '/', subset, '/', id) != {item:String}
ORDER BY distance, dataset, subset, id
LIMIT {k:UInt64};
