-- name: near_pairs
-- All pairs of items within a distance, the closest first, among millions of items. Each hash is cut
-- into one more band than bits may differ. At least one band is then the same in both hashes (the
-- pigeonhole principle), so only items that share a band are compared.
-- Parameters: items, distance (fewer bits than the hash has bytes), k.
WITH
    banded AS
    (
        SELECT
            (dataset, subset, id) AS item,
            hash,
            length(hash) AS bytes,
            arrayJoin(range(least({distance:UInt16} + 1, bytes))) AS band,
            intDiv(band * bytes, {distance:UInt16} + 1) AS start,
            intDiv((band + 1) * bytes, {distance:UInt16} + 1) AS end,
            sipHash64(band, substring(hash, start + 1, end - start)) AS key
        FROM {items:Identifier}
        WHERE throwIf({distance:UInt16} >= length(hash), 'distance: give fewer bits than the hash has bytes') = 0
    ),
    shared AS (SELECT key FROM banded GROUP BY key HAVING count() > 1),
    sharing AS (SELECT item, hash, key FROM banded WHERE key IN (SELECT key FROM shared))
SELECT DISTINCT
    one.item.1 AS dataset, one.item.2 AS subset, one.item.3 AS id,
    other.item.1 AS other_dataset, other.item.2 AS other_subset, other.item.3 AS other_id,
    bitHammingDistance(one.hash, other.hash) AS distance
FROM sharing AS one
INNER JOIN sharing AS other ON one.key = other.key
WHERE one.item < other.item AND distance <= {distance:UInt16}
ORDER BY distance, dataset, subset, id, other_dataset, other_subset, other_id
LIMIT {k:UInt64};
