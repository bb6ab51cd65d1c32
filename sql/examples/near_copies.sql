-- name: near_copies
-- Near-copies across two datasets: each item of `dataset` with its nearest item of `other`.
-- Parameters: items, dataset, other, distance (bits).
SELECT
    one.subset AS subset, one.id AS id,
    min((bitHammingDistance(one.hash, other.hash), other.subset, other.id)) AS nearest,
    nearest.2 AS other_subset, nearest.3 AS other_id, nearest.1 AS distance
FROM (SELECT subset, id, hash FROM {items:Identifier} WHERE dataset = {dataset:String}) AS one
CROSS JOIN (SELECT subset, id, hash FROM {items:Identifier} WHERE dataset = {other:String}) AS other
GROUP BY subset, id
HAVING distance <= {distance:UInt16}
ORDER BY distance, subset, id;
