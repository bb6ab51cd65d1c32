-- Bringing in features and hashes that were made elsewhere. They are gathered in a table of
-- their own and checked there, so that the items of a wrong file never become visible.

-- name: create_import
-- The rows of a file on their way into a model's table; `row` counts from 1.
CREATE TABLE $table
(
    row     UInt64,
    dataset LowCardinality(String),
    subset  LowCardinality(String),
    id      String,
    uri     String,
    hash    FixedString($hash_bytes),
    feature $feature_type
)
ENGINE = MergeTree
ORDER BY (dataset, subset, id)
COMMENT 'made $moment'

-- name: find_imported_twice
-- An item that a file holds twice.
SELECT dataset, subset, id, min(row) AS first_row, max(row) AS last_row
FROM $table
GROUP BY dataset, subset, id
HAVING count() > 1
ORDER BY first_row
LIMIT 1
SETTINGS optimize_aggregation_in_order = 1

-- name: count_import
-- The rows of an import for each of its datasets.
SELECT dataset, count() AS items FROM $table GROUP BY dataset ORDER BY dataset

-- name: count_of_datasets
-- The items that a model has already of some datasets, and the time of the latest.
SELECT count() AS items, toUnixTimestamp64Micro(max(ingested_at)) AS latest_us
FROM $table
WHERE dataset IN {datasets:Array(String)}

-- name: import_digest
-- What tells that an imported row has changed.
sipHash128($uri, $row.hash, $row.feature)

-- name: import_uri
-- The place of an imported item: as the file says, else as the catalog knows it.
if(given.uri = '', known.uri, given.uri)

-- name: known_of_model
-- What one model's table says of the items of some datasets; the model's own has place 1, for 0 is
-- what a join gives where there is nothing.
SELECT
    $place AS place, toString(dataset) AS dataset, toString(subset) AS subset, id,
    uri, width, height, orientation, file_size, modified_at, toString(format) AS format, sha256,
    phash, phash_trimmed, tags, boxes, captions, groups, toString(status) AS status, attributes, scores,
    metadata_digest
FROM $table
WHERE dataset IN {datasets:Array(String)}

-- name: known_of_models
-- The same of several models: an item as the first of them says it.
SELECT * FROM ($selects) ORDER BY dataset, subset, id, place LIMIT 1 BY dataset, subset, id

-- name: compare_import
-- The rows of an import for each dataset: those known, and those known that stay as they are.
SELECT
    given.dataset AS of_dataset,
    count() AS items,
    countIf(known.place = 1) AS already,
    countIf(known.place = 1 AND known.metadata_digest = $digest) AS unchanged
FROM $staging AS given
ANY LEFT JOIN ($known) AS known
    ON given.dataset = known.dataset AND given.subset = known.subset AND given.id = known.id
GROUP BY of_dataset
ORDER BY of_dataset
SETTINGS join_algorithm = 'full_sorting_merge'

-- name: add_imported
-- The rows of an import whose datasets the model has not.
INSERT INTO $table
    (dataset, subset, id, uri, orientation, status, metadata_digest, hash, feature, ingested_at)
SELECT
    dataset, subset, id, uri, 1, 'unannotated', $digest, hash, feature,
    fromUnixTimestamp64Micro({ingested_us:Int64})
FROM $staging AS given

-- name: merge_imported
-- The rows of an import that are new or changed; what the catalog knew of an item stays, and
-- what only other models' rows say of it is taken from there.
INSERT INTO $table
SELECT
    given.dataset AS dataset, given.subset AS subset, given.id AS id,
    $uri AS uri,
    known.width AS width, known.height AS height, greatest(known.orientation, 1) AS orientation,
    known.file_size AS file_size, known.modified_at AS modified_at, known.format AS format,
    known.sha256 AS sha256, known.phash AS phash, known.phash_trimmed AS phash_trimmed, known.tags AS tags, known.boxes AS boxes, known.captions AS captions,
    known.groups AS groups, if(known.status = '', 'unannotated', known.status) AS status,
    known.attributes AS attributes, known.scores AS scores, $digest AS metadata_digest,
    given.hash AS hash, given.feature AS feature,
    fromUnixTimestamp64Micro({ingested_us:Int64}) AS ingested_at
FROM $staging AS given
ANY LEFT JOIN ($known) AS known
    ON given.dataset = known.dataset AND given.subset = known.subset AND given.id = known.id
WHERE NOT (known.place = 1 AND known.metadata_digest = $digest)
SETTINGS join_algorithm = 'full_sorting_merge'

-- name: delete_merged
-- The former rows of items that an import has just replaced.
DELETE FROM $shard_table$on_shards
WHERE dataset IN {datasets:Array(String)}
  AND ingested_at < fromUnixTimestamp64Micro({ingested_us:Int64})
  AND (dataset, subset, id) IN (
    SELECT dataset, subset, id
    FROM $shard_table
    WHERE dataset IN {datasets:Array(String)}
      AND ingested_at = fromUnixTimestamp64Micro({ingested_us:Int64}))

-- name: sqlite_tables
-- The tables of a SQLite file.
SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name

-- name: sqlite_columns
-- A table of SQLite without its rows, for the names of its columns.
SELECT * FROM $table LIMIT 0

-- name: sqlite_rows
-- The rows of a table of SQLite, in their order there.
SELECT $columns FROM $table
