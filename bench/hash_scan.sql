-- What bench/hash_quality.py times: one scan that ranks by one plane of a query, or by several.

-- name: create_scan
-- Random hashes of 512 bits.
CREATE TABLE scan ENGINE = MergeTree ORDER BY id AS
SELECT toUInt32(number) AS id, randomFixedString(64) AS hash FROM numbers({rows:UInt64})

-- name: scan_1
-- Plain Hamming distance.
SELECT id FROM scan ORDER BY bitHammingDistance(hash, toFixedString(unhex({p0:String}), 64)), id LIMIT 100

-- name: scan_2
-- Two planes.
SELECT id FROM scan
ORDER BY bitHammingDistance(hash, toFixedString(unhex({p0:String}), 64))
       + 2 * bitHammingDistance(hash, toFixedString(unhex({p1:String}), 64)), id
LIMIT 100

-- name: scan_3
-- Three planes.
SELECT id FROM scan
ORDER BY bitHammingDistance(hash, toFixedString(unhex({p0:String}), 64))
       + 2 * bitHammingDistance(hash, toFixedString(unhex({p1:String}), 64))
       + 4 * bitHammingDistance(hash, toFixedString(unhex({p2:String}), 64)), id
LIMIT 100

-- name: scan_4
-- Four planes.
SELECT id FROM scan
ORDER BY bitHammingDistance(hash, toFixedString(unhex({p0:String}), 64))
       + 2 * bitHammingDistance(hash, toFixedString(unhex({p1:String}), 64))
       + 4 * bitHammingDistance(hash, toFixedString(unhex({p2:String}), 64))
       + 8 * bitHammingDistance(hash, toFixedString(unhex({p3:String}), 64)), id
LIMIT 100
