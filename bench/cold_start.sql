-- What bench/cold_start.py puts into its catalog.

-- name: empty
-- No rows.
TRUNCATE TABLE $table

-- name: random_items
-- Items without metadata whose features are random directions, and whose hashes have nothing to do with them.
INSERT INTO $table (dataset, id, uri, width, height, hash, feature)
SELECT
    'made', concat(leftPad(toString(number), 9, '0'), '.jpg') AS id, concat('/made/', id), 640, 480,
    randomFixedString($hash_bytes),
    arrayMap(n -> toBFloat16(randNormal(0, 0.05, n)), range({dimension:UInt64}))
FROM numbers({rows:UInt64})
SETTINGS max_insert_threads = 1

-- name: merge
-- One part, as a table has it that was left alone for a while.
OPTIMIZE TABLE $table FINAL
