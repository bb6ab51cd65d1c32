-- Reading what the catalog says of itself.

-- name: nothing
-- An answer without meaning.
SELECT 1

-- name: end_statement
-- End a statement that begins with a mark.
KILL QUERY WHERE startsWith(query, {mark:String}) ASYNC

-- name: largest_part
-- How many bytes the largest part of a table takes on disk: a change writes parts again, one by one.
SELECT max(bytes_on_disk) FROM system.parts WHERE active

-- name: count_tables
-- 1 where the database of this connection has the table, else 0.
SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = {table:String}

-- name: tables_and_columns
-- The tables and views of the catalog: what makes them, their columns, what `filename` is made of, and
-- the time now, in seconds since 1970.
SELECT name, engine, comment, as_select, of_table.columns, of_table.filename, toUnixTimestamp(now())
FROM system.tables
LEFT JOIN
(
    SELECT table, groupArray(name) AS columns, anyIf(default_expression, name = 'filename') AS filename
    FROM system.columns
    WHERE database = currentDatabase()
    GROUP BY table
) AS of_table ON of_table.table = name
WHERE database = currentDatabase()
ORDER BY name

-- name: find_models
-- The models of the catalog, the oldest first, with a row for their items and one for their objects; of
-- a name that two processes added, the first.
SELECT name, items_table, source, digest, dimension, bits, words, preprocessing, hash_scheme, hash_parameters
FROM models
ORDER BY created_at, name, digest
LIMIT 1 BY name, startsWith(items_table, 'objects_')

-- name: find_hash_fit
-- The parameters of a fitted hash, by the digest that a model's row names.
SELECT parameters FROM hash_fits WHERE digest = {digest:String} LIMIT 1

-- name: list_datasets
-- Each dataset and subset of one model: items, those annotated, bytes of the image files, last change.
SELECT
    dataset,
    subset,
    count() AS items,
    countIf(status = 'annotated') AS annotated,
    sum(file_size) AS image_bytes,
    max(ingested_at) AS last_change
FROM {table:Identifier}
GROUP BY dataset, subset
ORDER BY dataset, subset

-- name: list_tables
-- Each table of the catalog, and its bytes on disk.
SELECT name AS table, ifNull(total_bytes, 0) AS bytes
FROM system.tables
WHERE database = currentDatabase() AND name IN {tables:Array(String)}
ORDER BY name

-- name: list_rejects
-- The files that could not be used, the latest first.
SELECT model, dataset, subset, id, uri, reason, rejected_at
FROM rejects
ORDER BY rejected_at DESC, model, dataset, subset, id
LIMIT {limit:UInt64}

-- name: count_rejects
-- The number of files that could not be used, for each dataset.
SELECT model, dataset, count() AS rejects
FROM rejects
GROUP BY model, dataset
ORDER BY model, dataset

-- name: list_ingests
-- The runs of ingest, the latest first; what a run wrote when it began counts until it has ended. A
-- catalog of an earlier version, opened for reading, has no `not_read`.
SELECT
    dataset, model, source, format, started_at, finished_at, complete, added, replaced, unchanged, rejected,
    COLUMNS('^not_read')
FROM ingests
WHERE finished_at > started_at OR (dataset, model, source, started_at) NOT IN (
    SELECT dataset, model, source, started_at FROM ingests WHERE finished_at > started_at)
ORDER BY started_at DESC, dataset, model, finished_at DESC
LIMIT {limit:UInt64}

-- name: find_dataset_sources
-- The places from which a dataset was ingested, the latest first.
SELECT source
FROM ingests
WHERE dataset = {dataset:String}
GROUP BY source
ORDER BY max(started_at) DESC, source

-- name: columns_of
-- The names and types of a statement's columns.
DESCRIBE TABLE
(
$statement
)

-- name: with_columns
-- A statement's answer with its columns cast.
SELECT $columns
FROM
(
$statement
)

-- name: cast_column
-- A column as another type, under its own name.
CAST($column, '$type') AS $column

-- name: create_lock
-- The lock of a catalog on a server: only one process can create it. `comment` says in JSON who has it.
CREATE TABLE $table$on_cluster (nothing UInt8) ENGINE = Memory COMMENT '$comment'

-- name: find_lock
-- What the holder of the lock says.
SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = {table:String}

-- name: comment_table
-- What a table says of itself: the lock that its holder lives, a former generation since when.
ALTER TABLE $table$on_cluster MODIFY COMMENT '$comment'

-- name: server_time
-- Seconds since 1970.
SELECT toUnixTimestamp(now())
