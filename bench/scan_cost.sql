-- What bench/scan_cost.py asks besides the statements of a search.

-- name: random_items
-- Items of random hashes and nothing else.
INSERT INTO $table (dataset, id, hash)
SELECT 'made', concat(leftPad(toString(number), 9, '0'), '.jpg'), randomFixedString(64)
FROM numbers({first:UInt64}, {count:UInt64})
SETTINGS max_insert_threads = 1

-- name: merge
-- One part, as a table has it that was left alone for a while.
OPTIMIZE TABLE $table FINAL

-- name: hashes_between
-- Hashes of a range of ids, in their order.
SELECT hash FROM $table WHERE dataset = 'made' AND id >= {first:String} AND id < {end:String} ORDER BY id

-- name: bytes_on_disk
-- Bytes of a table on disk, and of its hashes.
SELECT sum(bytes_on_disk) AS all, sumIf(column_bytes_on_disk, column = 'hash') AS hash
FROM (
    SELECT column, column_bytes_on_disk, if(row_number() OVER (PARTITION BY name) = 1, bytes_on_disk, 0) AS bytes_on_disk
    FROM system.parts_columns
    WHERE database = currentDatabase() AND table = {table:String} AND active
)
