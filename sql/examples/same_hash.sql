-- name: same_hash
-- Items with the same hash: copies that were resized or saved again, the most copies first.
-- Parameters: items.
SELECT
    lower(hex(hash)) AS hash_hex,
    count() AS copies,
    uniqExact(sha256) AS files,
    arraySort(groupArray(concat(dataset, '/', subset, '/', id))) AS names
FROM {items:Identifier}
GROUP BY hash
HAVING copies > 1
ORDER BY copies DESC, hash_hex;
