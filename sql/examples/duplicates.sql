-- name: duplicates
-- Files that are the same byte for byte, the most copies first.
-- Parameters: items.
SELECT
    lower(hex(sha256)) AS sha256_hex,
    count() AS copies,
    arraySort(groupArray(concat(dataset, '/', subset, '/', id))) AS names
FROM {items:Identifier}
GROUP BY sha256
HAVING copies > 1
ORDER BY copies DESC, sha256_hex;
