-- What `hamsight ingest` does besides inserting.

-- name: known_items
-- What the catalog knows of the items that are about to be ingested.
SELECT
    subset,
    id,
    file_size,
    toUnixTimestamp64Nano(modified_at) AS modified_ns,
    sha256,
    metadata_digest,
    groups
FROM {table:Identifier}
WHERE dataset = {dataset:String} AND (subset, id) IN {identities:Array(Tuple(String, String))}

-- name: delete_replaced
-- The rows that a newer row of the same identity replaced.
DELETE FROM {table:Identifier}
WHERE dataset = {dataset:String}
  AND (subset, id) IN {identities:Array(Tuple(String, String))}
  AND ingested_at < {ingested_at:DateTime64(6, 'UTC')}

-- name: find_twice
-- Identities that stand twice, as a run that was killed between inserting and deleting leaves them.
SELECT subset, id, max(ingested_at) AS latest
FROM {table:Identifier}
WHERE dataset = {dataset:String}
GROUP BY subset, id
HAVING count() > 1
ORDER BY latest, subset, id
LIMIT {limit:UInt64}

-- name: known_rejects
-- Which of the items that are about to be ingested were rejected before.
SELECT subset, id
FROM rejects
WHERE model = {model:String} AND dataset = {dataset:String}
  AND (subset, id) IN {identities:Array(Tuple(String, String))}

-- name: delete_rejects
-- Rejects of files that were read again.
DELETE FROM rejects
WHERE model = {model:String} AND dataset = {dataset:String}
  AND (subset, id) IN {identities:Array(Tuple(String, String))}
