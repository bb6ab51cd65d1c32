-- name: pairs_within
-- Pairs of items of a dataset within a distance, the closest first. Compares all pairs.
-- Parameters: items, dataset, distance (bits), k.
SELECT
    one.subset AS subset, one.id AS id,
    other.subset AS other_subset, other.id AS other_id,
    bitHammingDistance(one.hash, other.hash) AS distance
FROM (SELECT subset, id, hash FROM {items:Identifier} WHERE dataset = {dataset:String}) AS one
CROSS JOIN (SELECT subset, id, hash FROM {items:Identifier} WHERE dataset = {dataset:String}) AS other
WHERE (one.subset, one.id) < (other.subset, other.id) AND distance <= {distance:UInt16}
ORDER BY distance, subset, id, other_subset, other_id
LIMIT {k:UInt64};
