-- name: outliers
-- Outliers: items farthest from their nearest neighbour in the dataset. Compares all pairs.
-- Parameters: items, dataset, k.
SELECT
    one.subset AS subset, one.id AS id,
    min(bitHammingDistance(one.hash, other.hash)) AS distance
FROM (SELECT subset, id, hash FROM {items:Identifier} WHERE dataset = {dataset:String}) AS one
CROSS JOIN (SELECT subset, id, hash FROM {items:Identifier} WHERE dataset = {dataset:String}) AS other
WHERE (one.subset, one.id) != (other.subset, other.id)
GROUP BY subset, id
ORDER BY distance DESC, subset, id
LIMIT {k:UInt64};
