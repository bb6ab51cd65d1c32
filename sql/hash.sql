-- Fitting a model's hash, recomputing all hashes of its table, and measuring what they keep.

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

-- name: page_of_made_hashes
-- The same with new hashes that are on their way.
SELECT sipHash64(dataset, subset, id) AS key, made.hash AS hash, CAST(feature, 'Array(Float32)') AS feature
FROM (SELECT dataset, subset, id, ingested_at, feature FROM $table WHERE $conditions AND notEmpty(feature)) AS of_items
ANY INNER JOIN (SELECT dataset, subset, id, ingested_at, hash FROM $making WHERE $conditions) AS made
    USING (dataset, subset, id, ingested_at)

-- name: one_in
-- One in `every` items, drawn by identity.
sipHash64(1, dataset, subset, id) % {every:UInt64} = 0

-- name: views
-- The views of the catalog, with what they read, and whether a column has hashes of a width.
SELECT name, as_select, name IN (
    SELECT table FROM system.columns WHERE database = currentDatabase() AND position(type, {width:String}) > 0)
FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%View'
ORDER BY name

-- name: create_hashes
-- New hashes on their way into a table of the same items. The comment says since when.
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
COMMENT 'made $moment'

-- name: page_of_features
-- Those items of a page, with their features, that a side table has no hash of. An item's row is never
-- changed in its feature but by another row, of a later moment.
SELECT dataset, subset, id, ingested_at, CAST(feature, 'Array(Float32)') AS feature
FROM $table
WHERE $conditions
  AND (dataset, subset, id, ingested_at) NOT IN (SELECT dataset, subset, id, ingested_at FROM $making WHERE $conditions)

-- name: rehashed_rows
-- Items with their new hashes, all else as it stands in the previous rows.
SELECT
    former.dataset, former.subset, former.id, former.uri, former.width, former.height,
    former.orientation, former.file_size, former.modified_at, former.format, former.sha256,
    former.phash, former.phash_trimmed, former.tags, former.boxes, former.captions, former.groups,
    former.status, former.attributes,
    former.scores, former.metadata_digest, made.hash, former.feature, former.ingested_at$own
FROM (SELECT * FROM $former PREWHERE $held) AS former
ANY INNER JOIN $making AS made
    ON former.dataset = made.dataset AND former.subset = made.subset AND former.id = made.id
    AND former.ingested_at = made.ingested_at
