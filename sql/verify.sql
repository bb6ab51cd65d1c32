-- What `hamsight verify` reads; it changes nothing.

-- name: end_of_page
-- The identity at which a page of items ends; none where fewer are left. Apart from
-- verify_items, so that features are read once, however the table's parts lie.
SELECT dataset, subset, id
FROM $table
WHERE $conditions
ORDER BY dataset, subset, id
LIMIT 1 OFFSET {before_last:UInt64}

-- name: verify_items
-- A page of items in their order, each with what its row says of itself: the feature's dimension
-- and length, and the bits of the hash that are wrong.
SELECT
    dataset,
    subset,
    id,
    uri,
    file_size,
    toUnixTimestamp64Nano(modified_at) AS modified_ns,
    lower(hex(sha256)) AS sha256,
    length(feature) AS dimension,
    L2Norm(feature) AS feature_length,
    $wrong_bits AS wrong_bits
FROM $table
WHERE $conditions
ORDER BY dataset, subset, id

-- name: objects_alone
-- Objects that are no box of a picture of the catalog.
SELECT dataset, subset, id
FROM $table
WHERE $conditions AND (dataset, subset, parent, number) NOT IN (
    SELECT dataset, subset, id, arrayJoin(arrayEnumerate(boxes)) AS number FROM $pictures WHERE $conditions)
ORDER BY dataset, subset, id

-- name: after_item
-- Items after one in the table's order; written so that ClickHouse finds them by the primary key.
(dataset > {after_dataset:String}
    OR dataset = {after_dataset:String} AND (subset > {after_subset:String}
        OR subset = {after_subset:String} AND id > {after_id:String}))

-- name: up_to_item
-- Items up to one in the table's order, all rows of that one included.
(dataset < {last_dataset:String}
    OR dataset = {last_dataset:String} AND (subset < {last_subset:String}
        OR subset = {last_subset:String} AND id <= {last_id:String}))

-- name: right_hash
-- The hash, but for bits that the feature's signs contradict. Where the stored feature is 0 a bit
-- may be either: BFloat16 keeps every sign, but makes 0 of the smallest numbers.
bitOr(bitAnd(hash, $most), $least)

-- name: wrong_bits_unknown
-- For hashes that no feature can be compared with.
0

-- name: sign_bits
-- The sign hash of the feature; the last byte is filled up with zeros.
toFixedString(unbin(rightPad(
        arrayStringConcat(arrayMap(value -> toString(value $sign 0), arrayResize(feature, {dimension:UInt32}))),
        $bits, '0')), $bytes)

-- name: above
-- 1 where the feature is above 0.
>

-- name: not_below
-- 1 also where the feature is 0.
>=

-- name: of_dimension
-- Items with features of the model's dimension.
length(feature) = {dimension:UInt32}

-- name: hashes_and_features
-- A page of items with what a fitted hash is compared with.
SELECT dataset, subset, id, hash, CAST(feature, 'Array(Float32)') AS feature
FROM $table
WHERE $conditions

-- name: datasets_in
-- The datasets of which a table says something.
SELECT DISTINCT dataset FROM $table

-- name: hash_type
-- The type of a column of this connection's database.
SELECT type FROM system.columns
WHERE database = currentDatabase() AND table = {table:String} AND name = 'hash'

-- name: items_tables
-- Tables that hold items by their name, without those that are on their way or kept for a while.
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND (startsWith(name, 'items_') OR startsWith(name, 'objects_'))
  AND (engine LIKE '%MergeTree' OR engine = 'Distributed')
  AND NOT startsWith(comment, 'retired ') AND NOT endsWith(name, '_making')
ORDER BY name

-- name: unfinished_encodings
-- Tables of re-encodings that go on with the next `hamsight ingest --re-encode`.
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND match(name, '^(items|objects)_[a-z0-9_]+_r[0-9a-f]+_making') AND endsWith(name, '_making')
ORDER BY name

-- name: unfinished_ingests
-- Datasets whose latest ingest from a place did not come to its end.
SELECT dataset, model, source, max(started_at) AS latest
FROM ingests
WHERE $condition
GROUP BY dataset, model, source
HAVING argMax(complete, (started_at, finished_at)) = 0
ORDER BY dataset, model, source

-- name: verify_rejects
-- The rejects after one, in their order.
SELECT model, dataset, subset, id, uri, reason
FROM rejects
WHERE $conditions
ORDER BY model, dataset, subset, id
LIMIT {limit:UInt64} WITH TIES

-- name: after_reject
-- Rejects after one in the table's order.
(model > {after_model:String}
    OR model = {after_model:String} AND (dataset > {after_dataset:String}
        OR dataset = {after_dataset:String} AND (subset > {after_subset:String}
            OR subset = {after_subset:String} AND id > {after_id:String})))

-- name: detached_parts
-- Parts that ClickHouse could not read and has set aside.
SELECT table, name, reason
FROM system.detached_parts
WHERE database = currentDatabase() AND (startsWith(reason, 'broken') OR reason IN ('unexpected', 'noquorum'))
ORDER BY table, name

-- name: tables_with_parts
-- Tables whose parts can be checked.
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
ORDER BY name

-- name: check_parts
-- Read the files of all parts of a table and compare them with their checksums.
CHECK TABLE $table SETTINGS check_query_single_value_result = 0
