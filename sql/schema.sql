-- The catalog: one ClickHouse database. `models` and `ingests` say what its items are; each model has
-- one wide table of items, so a search is one FROM without a JOIN. Analysts read it as items_MODEL, a
-- view; the table below it, a generation, changes when all items are hashed or encoded again.
-- On one server $engine and $shard_engine are MergeTree, $shard_table is the table's own name, and
-- $on_cluster is nothing; sql/cluster/schema.sql says what they are on a cluster. $vector_index is
-- nothing but on MyScale (sql/myscale/schema.sql).

-- name: create_database
-- The database that a server's DSN names.
CREATE DATABASE IF NOT EXISTS {database:Identifier}$on_cluster

-- name: engine
-- The engine of every table on one server.
MergeTree

-- name: create_models
-- One row for each model whose features the catalog holds.
-- `digest` is of the weights and preprocessing; hashes are compared within one model only.
CREATE TABLE IF NOT EXISTS models$on_cluster
(
    name            String,
    items_table     String,
    source          String,
    digest          String,
    dimension       UInt32,
    bits            UInt32,
    words           Bool,
    preprocessing   String,
    hash_scheme     LowCardinality(String),
    hash_parameters String,
    created_at      DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = $engine
ORDER BY name

-- name: create_hash_fits
-- What fitted hashes are made with; the row of a model names one by its digest in
-- `hash_parameters`. Rows are never changed: those of former fits stay. `items` and `words` say how
-- many took part; `parameters` is JSON, which sql/functions.sql reads.
CREATE TABLE IF NOT EXISTS hash_fits$on_cluster
(
    digest     String,
    model      String,
    scheme     LowCardinality(String),
    version    UInt32,
    dimension  UInt32,
    bits       UInt32,
    items      UInt64,
    words      UInt64,
    parameters String,
    created_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = $engine
ORDER BY digest

-- name: create_ingests
-- One row for each run of `hamsight ingest`; `run` tells runs apart that began at the same moment.
-- `not_read` counts the files of the source that no reader understood, by their extensions.
CREATE TABLE IF NOT EXISTS ingests$on_cluster
(
    run         String,
    dataset     String,
    model       String,
    source      String,
    format      LowCardinality(String),
    options     String,
    categories  String,
    started_at  DateTime64(3, 'UTC'),
    finished_at DateTime64(3, 'UTC'),
    complete    Bool,
    added       UInt64,
    replaced    UInt64,
    unchanged   UInt64,
    rejected    UInt64,
    not_read    String
)
ENGINE = $engine
ORDER BY (dataset, started_at)

-- name: add_ingest_columns
-- A catalog of an older version gets the columns of the options with which a source was read, of
-- the labels as COCO files number them (JSON), of what tells runs apart, and of the files that no
-- reader understood.
ALTER TABLE ingests
    ADD COLUMN IF NOT EXISTS options String AFTER format,
    ADD COLUMN IF NOT EXISTS categories String AFTER options,
    ADD COLUMN IF NOT EXISTS run String FIRST,
    ADD COLUMN IF NOT EXISTS not_read String AFTER rejected

-- name: create_rejects
-- Each file that could not be used, and why. A file leaves this table when it is ingested.
CREATE TABLE IF NOT EXISTS rejects$on_cluster
(
    model       LowCardinality(String),
    dataset     LowCardinality(String),
    subset      LowCardinality(String),
    id          String,
    uri         String,
    reason      String,
    rejected_at DateTime64(6, 'UTC')
)
ENGINE = $engine
ORDER BY (model, dataset, subset, id)

-- name: create_items
-- The items of one model. An item's identity is (dataset, subset, id).
-- `width` and `height` are of the upright image, after `orientation` (EXIF, 1 to 8) was applied.
-- `tags` counts the instances of each label; `hash` holds `bits` bits, most significant first;
-- `filename` is the last part of `uri`, of a URL without its query, which may hold a signature; of a
-- member of an archive it is the member's own name.
-- `phash` is a hash of how the picture looks, by which copies are found (docs/analyses.md), and
-- `phash_trimmed` of the picture without its margins; both are zeros where they tell nothing.
-- `scores` holds numbers that analyses give an item.
-- `feature` has unit length, so that a dot product is the cosine similarity. Both are as good as
-- random to a codec. Small granules and blocks let a search fetch the rows that it found without
-- reading thousands of others beside each. The comment says since when the table is there.
CREATE TABLE IF NOT EXISTS $shard_table$on_cluster
(
    dataset     LowCardinality(String),
    subset      LowCardinality(String),
    id          String,
    uri         String,
    filename    String ALIAS multiIf(
        match(uri, '^(zip|tar)://'),
        toValidUTF8(decodeURLComponent(basename(extract(uri, '://(.*?)::')))),
        match(uri, '(?i)^([a-z]+://::)?https?://'),
        basename(replaceRegexpOne(uri, '[?][^#]*', '')),
        basename(uri)
    ),
    width       UInt32,
    height      UInt32,
    orientation UInt8,
    file_size   UInt64,
    modified_at DateTime64(9, 'UTC'),
    format      LowCardinality(String),
    sha256      FixedString(32),
    phash       FixedString(32),
    phash_trimmed FixedString(32),
    tags        Map(String, UInt32),
    boxes       Array(Tuple(label String, x Float32, y Float32, width Float32, height Float32)),
    captions    Array(String),
    groups      Array(String),
    status      LowCardinality(String),
    attributes  Map(String, String),
    scores      Map(LowCardinality(String), Float32),
    metadata_digest FixedString(16),
    hash        FixedString($hash_bytes) CODEC(NONE),
    feature     $feature_type CODEC(NONE),
    ingested_at DateTime64(6, 'UTC')$own_columns$vector_index
)
ENGINE = $shard_engine
ORDER BY (dataset, subset, id)
SETTINGS index_granularity = 128, min_compress_block_size = 16384, max_compress_block_size = 65536
COMMENT 'made $moment'

-- name: object_columns
-- What the table of a model's objects has besides. An object is an annotated box of a picture, whose id
-- is `parent`; `number` is the box's place in the picture's `boxes`, from 1, and the object's own id is
-- parent#number. Its `boxes` hold its box alone, in pixels of the upright picture, and `tags` its `tag`;
-- `width` and `height` are the box's, in whole pixels; `area` is its share of the picture's.
,
    parent      String,
    number      UInt32,
    area        Float32,
    tag         String ALIAS boxes[1].label,
    x           Float32 ALIAS boxes[1].x,
    y           Float32 ALIAS boxes[1].y

-- name: create_items_view
-- The items or objects of one model for analysts, under a name that stays. The condition is always true: it lets
-- ClickHouse read the columns of an answer's own rows only, as it does in the table itself.
CREATE OR REPLACE VIEW $view$on_cluster AS
SELECT $columns
FROM $table
WHERE materialize(true)

-- name: items_columns
-- The columns of items, as analysts see them.
dataset, subset, id, uri, filename, width, height, orientation, file_size, modified_at, format,
    sha256, phash, phash_trimmed, tags, boxes, captions, groups, status, attributes, scores,
    metadata_digest, hash, feature, ingested_at

-- name: objects_columns
-- The columns of objects, as analysts see them. Groups, status and attributes are the picture's alone.
dataset, subset, id, parent, number, tag, x, y, width, height, area, uri, filename, file_size, format,
    sha256, tags, boxes, scores, metadata_digest, hash, feature, ingested_at

-- name: column_types
-- The columns of a table.
SELECT name, type
FROM system.columns
WHERE database = currentDatabase() AND table = {table:String}
ORDER BY position

-- name: create_view_before
-- The same view before its table has its name, so that its columns are written out.
CREATE VIEW $view$on_cluster $types AS
SELECT $columns
FROM $table
WHERE materialize(true)

-- name: exchange_tables
-- Two tables or views change names, both at once.
EXCHANGE TABLES $view AND $table

-- name: feature_type
-- The type of a column of features.
Array(BFloat16)

-- name: modify_filename
-- Such a table gets the `filename` of `create_items`.
ALTER TABLE $table
MODIFY COLUMN filename String ALIAS multiIf(
    match(uri, '^(zip|tar)://'),
    toValidUTF8(decodeURLComponent(basename(extract(uri, '://(.*?)::')))),
    match(uri, '(?i)^([a-z]+://::)?https?://'),
    basename(replaceRegexpOne(uri, '[?][^#]*', '')),
    basename(uri)
)

-- name: add_item_columns
-- An items table of an older version gets the columns of scores and of perceptual hashes.
ALTER TABLE $shard_table$on_shards
    ADD COLUMN IF NOT EXISTS scores Map(LowCardinality(String), Float32) AFTER attributes,
    ADD COLUMN IF NOT EXISTS phash FixedString(32) AFTER sha256,
    ADD COLUMN IF NOT EXISTS phash_trimmed FixedString(32) AFTER phash

-- name: count_databases
-- 1 where the database exists, else 0.
SELECT count() FROM system.databases WHERE name = {database:String}
