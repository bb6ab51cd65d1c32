-- Coarse cells: a table of hashes beside an items table, in the order of the cell whose centre is
-- nearest to each. A search reads those of the nearest cells, and takes the items themselves, with
-- hash and all else, from the items table: what stands here too much or twice does no harm. On a
-- cluster the rows of an item and of its cell are on the same shard, which looks up its own.

-- name: replacing_engine
-- The engine of cells on one server.
ReplacingMergeTree

-- name: create_cells
-- The cell of each item; of an item that was replaced, the previous cell may stand here too.
CREATE TABLE $shard_table$on_cluster
(
    cell    UInt32,
    dataset LowCardinality(String),
    subset  LowCardinality(String),
    id      String,
    hash    FixedString($hash_bytes) CODEC(NONE)
)
ENGINE = $replacing_engine
ORDER BY (cell, dataset, subset, id)
SETTINGS index_granularity = 512, min_compress_block_size = 16384, max_compress_block_size = 65536
COMMENT 'made $moment'

-- name: create_centres
-- The centre of each cell, as a hash; cells of one part lie near to one another.
CREATE TABLE $table$on_cluster
(
    cell UInt32,
    part UInt32,
    hash FixedString($hash_bytes) CODEC(NONE)
)
ENGINE = $engine
ORDER BY cell
COMMENT 'made $moment'

-- name: find_centres
-- The centres in the order of their cells.
SELECT part, hash FROM $table ORDER BY cell

-- name: sample_hashes
-- Hashes of items drawn by their identity, one in `every`.
SELECT hash
FROM $table
WHERE sipHash64({seed:UInt64}, dataset, subset, id) % {every:UInt64} = 0
LIMIT {limit:UInt64}

-- name: page_of_named_hashes
-- A page of items with their hashes.
SELECT dataset, subset, id, hash FROM $table WHERE $conditions

-- name: change_settings
-- What a model's row says of its hash and cells.
ALTER TABLE models
UPDATE hash_parameters = {hash_parameters:String}
WHERE name = {name:String} AND items_table = {items_table:String}
SETTINGS mutations_sync = 2

-- name: near_cells
-- The cells whose centres are nearest to a query.
WITH $measured
SELECT cell FROM $centres ORDER BY $nearness, cell LIMIT {$probes:UInt64}

-- name: in_near_cells
-- The items of the nearest cells.
cell IN (
        $near
    )

-- name: whole_in_cells
-- Whether these cells hold as many items as are wanted; fewer where some are gone by now.
count() OVER () >= {reach:UInt64} AS whole
