-- The next generation of a model's items, which is filled beforehand and then takes the place of the present generation.

-- name: insert_rows
-- Rows that a SELECT makes.
INSERT INTO $table
    (dataset, subset, id, uri, width, height, orientation, file_size, modified_at, format, sha256,
    phash, phash_trimmed, tags, boxes, captions, groups, status, attributes, scores, metadata_digest,
    hash, feature, ingested_at$names)
$rows
SETTINGS join_algorithm = 'full_sorting_merge'

-- name: item_digest
-- What tells whether a row is as another. Hash and feature are left out: another row has other ones, and
-- another moment.
cityHash64($dataset, subset, id, uri, width, height, orientation, file_size, modified_at, format, sha256,
    phash, phash_trimmed, tags, boxes, captions, groups, status, attributes, scores, metadata_digest,
    ingested_at)

-- name: same_dataset
-- The dataset as it stands.
toString(dataset)

-- name: not_in_others
-- Rows that are not in the other generation as they are here.
$digest NOT IN (SELECT $digest_of_others FROM $others)

-- name: count_others
-- How many such rows there are.
SELECT count() FROM $table WHERE $digest NOT IN (SELECT $digest_of_others FROM $others)

-- name: delete_others
-- Deleting such rows.
DELETE FROM $shard_table$on_shards
WHERE $digest NOT IN (SELECT $digest_of_others FROM $others)

-- name: retired_tables
-- Former generations; the third word is the generation of the same hashes that took the place, if any.
SELECT name, comment
FROM system.tables
WHERE database = currentDatabase() AND startsWith(comment, 'retired ')

-- name: views_and_comments
-- The views of the catalog, with what they read and what they say of themselves.
SELECT name, as_select, comment
FROM system.tables
WHERE database = currentDatabase() AND engine = 'View'
ORDER BY name
