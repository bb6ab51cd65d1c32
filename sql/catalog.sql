-- Reading what the catalog says of itself.

-- name: nothing
-- An answer without meaning.
SELECT 1

-- name: end_statement
-- End a statement that begins with a mark.
KILL QUERY WHERE startsWith(query, {mark:String}) ASYNC

-- name: count_tables
-- 1 where the database of this connection has the table, else 0.
SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = {table:String}

-- name: columns_of_tables
-- The tables of the catalog with their columns, and what `filename` is made of.
SELECT table, groupArray(name) AS columns, anyIf(default_expression, name = 'filename') AS filename
FROM system.columns
WHERE database = currentDatabase()
GROUP BY table
ORDER BY table

-- name: find_models
-- The models of the catalog, the oldest first; of a name that two processes added, the first.
SELECT name, items_table, source, digest, dimension, bits, words, preprocessing, hash_scheme, hash_parameters
FROM models
ORDER BY created_at, name, digest
LIMIT 1 BY name

-- name: features_of_table
-- Whose features a table was made for.
SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = {table:String}

-- name: delete_model
-- A model's row that another process was quicker to add.
DELETE FROM models WHERE name = {name:String} AND items_table = {table:String}

-- name: find_hash_fit
-- The parameters of a fitted hash, by the digest that a model's row names.
SELECT parameters FROM hash_fits WHERE digest = {digest:String} LIMIT 1

-- name: find_dataset_models
-- The models with which a dataset was ingested, the latest first; a run may have been killed, or
-- its model have failed, before that model had a table.
SELECT model
FROM ingests
WHERE dataset = {dataset:String} AND model IN (SELECT name FROM models)
GROUP BY model
ORDER BY max(started_at) DESC, model

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
-- The runs of ingest, the latest first; what a run wrote when it began counts until it has ended.
SELECT dataset, model, source, format, started_at, finished_at, complete, added, replaced, unchanged, rejected, not_read
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

-- name: create_lease
-- A model is about to move from one items table to another; `comment` says in JSON whose lease it
-- is, and until when (seconds since 1970, by the server's clock).
CREATE TABLE $table$on_cluster (nothing UInt8) ENGINE = Memory COMMENT '$comment'

-- name: renew_lease
-- The same lease for longer.
ALTER TABLE $table$on_cluster MODIFY COMMENT '$comment'

-- name: find_lease
-- What a lease says, and the time now.
SELECT comment, toUnixTimestamp(now())
FROM system.tables
WHERE database = currentDatabase() AND name = {table:String}

-- name: server_time
-- Seconds since 1970.
SELECT toUnixTimestamp(now())
