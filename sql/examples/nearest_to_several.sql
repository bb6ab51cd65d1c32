-- name: nearest_to_several
-- The items nearest to any of several items, in one scan, each once. `answers` is the number of the
-- item it is nearest to, from 1.
-- Parameters: items, wanted (three names DATASET/SUBSET/ID in an array), k.
WITH
    (
        SELECT groupArray(hash)
        FROM
        (
            SELECT hash
            FROM {items:Identifier}
            WHERE concat(dataset, '/', subset, '/', id) IN {wanted:Array(String)}
            ORDER BY indexOf({wanted:Array(String)}, concat(dataset, '/', subset, '/', id))
        )
    ) AS targets
SELECT
    dataset, subset, id,
    [
        bitHammingDistance(hash, targets[1]),
        bitHammingDistance(hash, targets[2]),
        bitHammingDistance(hash, targets[3])
    ] AS distances,
    arrayMin(distances) AS distance,
    indexOf(distances, distance) AS answers
FROM {items:Identifier}
WHERE concat(dataset, '/', subset, '/', id) NOT IN {wanted:Array(String)}
ORDER BY distance, dataset, subset, id
LIMIT {k:UInt64};
