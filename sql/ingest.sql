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
    uri,
    groups,
    status,
    attributes,
    toUnixTimestamp64Micro(ingested_at) AS ingested_us
FROM {table:Identifier}
WHERE dataset = {dataset:String} AND (subset, id) IN {identities:Array(Tuple(String, String))}

-- name: stored_pictures
-- What the catalog holds of pictures whose items changed otherwise, the latest row of each.
SELECT
    subset, id, sha256, width, height, orientation, format, lower(hex(hash)) AS hash_hex, feature
FROM {table:Identifier}
WHERE dataset = {dataset:String} AND (subset, id) IN {identities:Array(Tuple(String, String))}
ORDER BY ingested_at DESC
LIMIT 1 BY subset, id

-- name: update_places
-- New places of files that are otherwise as they were.
ALTER TABLE $table
UPDATE uri = transform(id, {ids:Array(String)}, {uris:Array(String)}, uri)
WHERE dataset = {dataset:String} AND subset = {subset:String} AND id IN {ids:Array(String)}
SETTINGS mutations_sync = 2

-- name: delete_replaced
-- The rows that a newer row of the same identity replaced.
DELETE FROM {table:Identifier}
WHERE dataset = {dataset:String}
  AND (subset, id) IN {identities:Array(Tuple(String, String))}
  AND ingested_at < fromUnixTimestamp64Micro({ingested_us:Int64})

-- name: find_twice
-- Identities that stand twice, as a run that was killed between inserting and deleting leaves them.
-- Groups follow the table's order, so that memory does not grow with the dataset.
SELECT subset, id, toUnixTimestamp64Micro(max(ingested_at)) AS latest_us
FROM {table:Identifier}
WHERE dataset = {dataset:String}
GROUP BY dataset, subset, id
HAVING count() > 1
ORDER BY latest_us, subset, id
LIMIT {limit:UInt64}
SETTINGS optimize_aggregation_in_order = 1

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

-- name: delete_begun
-- What a run wrote into `ingests` when it began, once the row of its end stands there.
DELETE FROM ingests
WHERE dataset = {dataset:String} AND model = {model:String}
  AND started_at = fromUnixTimestamp64Milli({started_ms:Int64}) AND finished_at = started_at
