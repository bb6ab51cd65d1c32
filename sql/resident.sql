-- Hashes in memory: what ranks items by hash alone, in a table that a session of the embedded engine
-- holds for itself, beside an items table that it must be equal to.

-- name: hold_resident
-- What an items table holds now of identities and hashes, in blocks of 1 MiB of 64-byte hashes: those of a
-- union are compared with one query after another, and larger ones would come from memory each time.
CREATE TEMPORARY TABLE $resident ENGINE = Memory AS
SELECT dataset, subset, id, hash FROM $table
SETTINGS max_block_size = 16384, min_insert_block_size_rows = 16384, min_insert_block_size_bytes = 0

-- name: drop_resident
-- Such a table, where it is there.
DROP TEMPORARY TABLE IF EXISTS $resident

-- name: state_of_table
-- What changes with every change of a table's rows: rows inserted come in blocks of higher numbers, what
-- deletes or updates rows raises a part's last number, and another table of the same name was made at
-- another time. Merging parts may change it after an update, for nothing.
SELECT
    sum(rows),
    max(max_block_number),
    sum(rows * toUInt64OrZero(splitByChar('_', name)[5])),
    (
        SELECT (any(uuid), any(metadata_modification_time))
        FROM system.tables
        WHERE database = currentDatabase() AND name = {table:String}
    )
FROM system.parts
WHERE database = currentDatabase() AND table = {table:String} AND active
