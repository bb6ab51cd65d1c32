-- name: distance_histogram
-- The number of items at each distance from an item, in steps of bits.
-- Parameters: items, item (DATASET/SUBSET/ID), step (bits).
WITH (
    SELECT hash
    FROM {items:Identifier}
    WHERE concat(dataset, '/', subset, '/', id) = {item:String}
    LIMIT 1
) AS target
SELECT
    intDiv(bitHammingDistance(hash, assumeNotNull(target)), {step:UInt16}) * {step:UInt16} AS distance_from,
    count() AS items,
    bar(items, 0, max(items) OVER (), 40) AS bar
FROM {items:Identifier}
WHERE concat(dataset, '/', subset, '/', id) != {item:String}
GROUP BY distance_from
ORDER BY distance_from;
