-- What bench/search_speed.py asks besides the statements of a search.

-- name: most_similar
-- The most similar items of all, by cosine.
SELECT id FROM $table ORDER BY cosineDistance(feature, {feature:Array(Float32)}) LIMIT {k:UInt64}

-- name: most_similar_quantized
-- The same by the codes first, then by the features of so many times the limit.
SELECT id FROM $table ORDER BY cosineDistance(feature, {feature:Array(Float32)}) LIMIT {k:UInt64}
SETTINGS vector_search_use_quantized_codes = 1, vector_search_index_fetch_multiplier = $multiple

-- name: empty
-- No rows.
TRUNCATE TABLE $table

-- name: merge
-- One part, as a table has it that was left alone for a while.
OPTIMIZE TABLE $table FINAL

-- name: create_quantized
-- Features with ClickHouse's own codes beside them (26.7 and later).
CREATE TABLE $table (id String, feature Array(BFloat16) CODEC(Quantized('rabitq', $dimension)))
ENGINE = MergeTree ORDER BY id
SETTINGS index_granularity = 1024, enable_quantized_codec = 1

-- name: fill_quantized
-- The same features as Hamsight's table has.
INSERT INTO $table SELECT id, feature FROM $source SETTINGS max_insert_threads = 1
