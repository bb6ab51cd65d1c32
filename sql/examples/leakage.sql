-- name: leakage
-- Leakage: items of one subset that are nearly the same as an item of another subset.
-- Parameters: items, dataset, train, val, distance (bits).
SELECT
    val.id AS id,
    min((bitHammingDistance(val.hash, train.hash), train.id)) AS nearest,
    nearest.2 AS train_id,
    nearest.1 AS distance
FROM
(
    SELECT id, hash FROM {items:Identifier}
    WHERE dataset = {dataset:String} AND subset = {val:String}
) AS val
CROSS JOIN
(
    SELECT id, hash FROM {items:Identifier}
    WHERE dataset = {dataset:String} AND subset = {train:String}
) AS train
GROUP BY id
HAVING distance <= {distance:UInt16}
ORDER BY distance, id;
