-- Saved queries: what was asked, with the hashes and features that answer it without a model.

-- name: create_saved_queries
-- One row for each saved query. `digest` is the model's at that time; `options` are JSON,
-- `targets.hash` is in hex, `targets.identity` is (dataset, subset, id) of a stored item, else empty.
CREATE TABLE IF NOT EXISTS saved_queries$on_cluster
(
    name       String,
    model      String,
    digest     String,
    filter     Nullable(String),
    options    String,
    targets    Nested(
        kind     String,
        given    String,
        hash     String,
        feature  Array(Float32),
        uri      Nullable(String),
        identity Array(String),
        sha256   Nullable(String)),
    created_at DateTime64(6, 'UTC')
)
ENGINE = $engine
ORDER BY name

-- name: find_saved
-- A saved query by its name; the latest, where saving it again was interrupted.
SELECT
    name, model, digest, filter, options,
    targets.kind, targets.given, targets.hash, targets.feature,
    targets.uri, targets.identity, targets.sha256
FROM saved_queries
WHERE name = {name:String}
ORDER BY created_at DESC
LIMIT 1

-- name: list_saved
-- The saved queries, without what only running them needs. Of several models each has the targets of all.
SELECT
    name,
    arrayDistinct(arrayMap((kind, given) -> concat(kind, ': ', given), targets.kind, targets.given)) AS queries,
    filter,
    model,
    options,
    created_at
FROM saved_queries
ORDER BY name, created_at DESC
LIMIT 1 BY name

-- name: saved_names
-- The names of the saved queries.
SELECT DISTINCT name FROM saved_queries ORDER BY name

-- name: saved_time
-- When a query of that name was last saved, in µs since 1970; 0 where none was.
SELECT toUnixTimestamp64Micro(max(created_at)) FROM saved_queries WHERE name = {name:String}

-- name: delete_saved_before
-- The queries of a name that were saved before.
DELETE FROM saved_queries
WHERE name = {name:String} AND created_at < fromUnixTimestamp64Micro({created_us:Int64})

-- name: delete_saved
-- A saved query goes.
DELETE FROM saved_queries WHERE name = {name:String}

-- name: find_table
-- The engine and the comment of a table or view of this connection's database.
SELECT engine, comment FROM system.tables WHERE database = currentDatabase() AND name = {table:String}

-- name: create_view
-- A saved query as a view: its text holds the values as literals.
CREATE VIEW $view$on_cluster AS
$statement
COMMENT $comment

-- name: replace_view
-- The same in place of a view that there is.
CREATE OR REPLACE VIEW $view$on_cluster AS
$statement
COMMENT $comment

-- name: ranked
-- A search with the rank of each item, from 1.
SELECT {offset:UInt64} + row_number() OVER () AS rank, *
FROM
(
$statement
)

-- name: value_as
-- A value as a parameter of a type has it.
CAST($value, '$type')
