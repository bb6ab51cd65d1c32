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
LIMIT {limit:UInt64}

-- name: not_in
-- Items of a page that another table has not, or not as of the same moment.
(dataset, subset, id, ingested_at) NOT IN (SELECT dataset, subset, id, ingested_at FROM $table WHERE $conditions)

-- name: join_rehashed
-- Items with their new hashes, all else as it stands in the former rows.
INSERT INTO $table
    (dataset, subset, id, uri, width, height, orientation, file_size, modified_at, format, sha256,
    phash, phash_trimmed, tags, boxes, captions, groups, status, attributes, scores, metadata_digest, hash, feature,
    ingested_at)
SELECT
    former.dataset, former.subset, former.id, former.uri, former.width, former.height,
    former.orientation, former.file_size, former.modified_at, former.format, former.sha256,
    former.phash, former.phash_trimmed, former.tags, former.boxes, former.captions, former.groups, former.status, former.attributes,
    former.scores, former.metadata_digest, made.hash, former.feature, former.ingested_at
FROM $former AS former
ANY INNER JOIN $making AS made
    ON former.dataset = made.dataset AND former.subset = made.subset AND former.id = made.id
    AND former.ingested_at = made.ingested_at
SETTINGS join_algorithm = 'full_sorting_merge'

-- name: row_digest
-- What an item's row says besides its picture.
sipHash64(uri, tags, boxes, captions, groups, status, attributes, scores, metadata_digest)

-- name: rehashed_rows
-- The rows of a page that a table of new hashes should have.
SELECT dataset, subset, id, ingested_at, $digest AS said FROM $former WHERE $conditions

-- name: reencoded_rows
-- The rows of a page that a table of new weights should have.
SELECT dataset, subset, id, made.ingested_at AS ingested_at, said
FROM (SELECT dataset, subset, id, $digest AS said FROM $former WHERE $conditions) AS former
ANY INNER JOIN (SELECT dataset, subset, id, ingested_at FROM $making WHERE $conditions) AS made
    USING (dataset, subset, id)

-- name: differing
-- Items of a page whose rows in a table are not those that it should have.
SELECT dataset, subset, id
FROM
(
    SELECT dataset, subset, id, ingested_at, said, 1 AS wanted FROM ($expected)
    UNION ALL
    SELECT dataset, subset, id, ingested_at, $digest AS said, 0 AS wanted FROM $made WHERE $conditions
)
GROUP BY dataset, subset, id, ingested_at, said
HAVING min(wanted) = max(wanted)

-- name: count_differing
-- How many items those are.
SELECT uniqExact(dataset, subset, id) FROM ($differing)

-- name: delete_differing
-- Their rows go, to be made anew.
DELETE FROM $shard_table$on_shards WHERE (dataset, subset, id) IN ($differing)

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
