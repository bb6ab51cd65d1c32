-- Fitting a model's hash, making all hashes of its table anew, and measuring what they keep.

-- name: sample_features
-- Features of items drawn by their identity, one in `every` of those that have any.
SELECT CAST(feature, 'Array(Float32)') AS feature
FROM $table
WHERE sipHash64({seed:UInt64}, dataset, subset, id) % {every:UInt64} = 0 AND notEmpty(feature)
ORDER BY sipHash64({seed:UInt64}, dataset, subset, id)
LIMIT {limit:UInt64}

-- name: sample_texts
-- Captions and names of tags of some items, each text once.
SELECT DISTINCT arrayJoin(arrayConcat(captions, mapKeys(tags))) AS text
FROM $table
WHERE sipHash64({seed:UInt64}, dataset, subset, id) % {every:UInt64} = 0
ORDER BY sipHash64({seed:UInt64}, text)
LIMIT {limit:UInt64}

-- name: sample_keys
-- What tells the items of `sample_features` from others, in the same order.
SELECT sipHash64(dataset, subset, id) AS key, CAST(feature, 'Array(Float32)') AS feature
FROM $table
WHERE sipHash64({seed:UInt64}, dataset, subset, id) % {every:UInt64} = 0 AND notEmpty(feature)
ORDER BY sipHash64({seed:UInt64}, dataset, subset, id)
LIMIT {limit:UInt64}

-- name: page_of_hashes
-- A page of items with hash and feature.
SELECT sipHash64(dataset, subset, id) AS key, hash, CAST(feature, 'Array(Float32)') AS feature
FROM $table
WHERE $conditions AND notEmpty(feature)

-- name: one_in
-- One in `every` items, drawn by identity.
sipHash64(1, dataset, subset, id) % {every:UInt64} = 0

-- name: views_of
-- Views of this connection's database that read a table.
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%View' AND position(create_table_query, {table:String}) > 0
ORDER BY name

-- name: create_hashes
-- New hashes on their way into a table of the same items.
CREATE TABLE $shard_table$on_cluster
(
    dataset     LowCardinality(String),
    subset      LowCardinality(String),
    id          String,
    ingested_at DateTime64(6, 'UTC'),
    hash        FixedString($hash_bytes)
)
ENGINE = $shard_engine
ORDER BY (dataset, subset, id)

-- name: page_of_features
-- A page of items with the features that their hashes are made of.
SELECT dataset, subset, id, ingested_at, CAST(feature, 'Array(Float32)') AS feature
FROM $table
WHERE $conditions

-- name: not_carried
-- Items that came or changed since, and are not yet in the table of new hashes.
ingested_at >= fromUnixTimestamp64Micro({since_us:Int64})
    AND (dataset, subset, id, ingested_at) NOT IN (
        SELECT dataset, subset, id, ingested_at
        FROM $table
        WHERE ingested_at >= fromUnixTimestamp64Micro({since_us:Int64}))

-- name: latest_moment
-- When the latest item of a table was ingested, in µs since 1970.
SELECT toUnixTimestamp64Micro(max(ingested_at)) FROM $table

-- name: join_rehashed
-- Items with their new hashes, all else as it stands in the former rows.
INSERT INTO $table
    (dataset, subset, id, uri, width, height, orientation, file_size, modified_at, format, sha256,
    tags, boxes, captions, groups, status, attributes, metadata_digest, hash, feature, ingested_at)
SELECT
    former.dataset, former.subset, former.id, former.uri, former.width, former.height,
    former.orientation, former.file_size, former.modified_at, former.format, former.sha256,
    former.tags, former.boxes, former.captions, former.groups, former.status, former.attributes,
    former.metadata_digest, made.hash, former.feature, former.ingested_at
FROM $former AS former
ANY INNER JOIN $making AS made
    ON former.dataset = made.dataset AND former.subset = made.subset AND former.id = made.id
    AND former.ingested_at = made.ingested_at
SETTINGS join_algorithm = 'full_sorting_merge'

-- name: delete_carried_over
-- The former rows of items that were replaced while new hashes were made.
DELETE FROM $shard_table$on_shards
WHERE (dataset, subset, id) IN (SELECT dataset, subset, id FROM $making)
  AND (dataset, subset, id, ingested_at) NOT IN (
    SELECT dataset, subset, id, max(ingested_at)
    FROM $shard_table
    WHERE (dataset, subset, id) IN (SELECT dataset, subset, id FROM $making)
    GROUP BY dataset, subset, id)

-- name: switch_hash
-- From here on searches use a model's new hash and the table that it is in, both at once.
ALTER TABLE models
UPDATE
    items_table = {items_table:String},
    bits = {bits:UInt32},
    hash_scheme = {hash_scheme:String},
    hash_parameters = {hash_parameters:String}
WHERE name = {name:String} AND items_table = {former:String}
SETTINGS mutations_sync = 2
