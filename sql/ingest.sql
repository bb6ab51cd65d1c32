-- What `hamsight ingest` does besides inserting. Lists of identities come as one text of JSON:
-- ClickHouse reads it up to ten times faster than an array literal of tuples, in mutations above all.

-- name: known_items
-- What the catalog knows of the items that are about to be ingested.
SELECT
    subset,
    id,
    file_size,
    toUnixTimestamp64Nano(modified_at) AS modified_ns,
    sha256,
    metadata_digest,
    uri,
    toUnixTimestamp64Micro(ingested_at) AS ingested_us
FROM {table:Identifier}
WHERE dataset = {dataset:String} AND (subset, id) IN JSONExtract({identities:String}, 'Array(Tuple(String, String))')

-- name: known_objects
-- What the catalog knows of the objects of pictures that are about to be ingested.
SELECT
    subset,
    parent,
    id,
    file_size,
    toUnixTimestamp64Nano(modified_at) AS modified_ns,
    sha256,
    metadata_digest,
    uri,
    toUnixTimestamp64Micro(ingested_at) AS ingested_us,
    (boxes[1].x, boxes[1].y, boxes[1].width, boxes[1].height) AS box,
    area
FROM $table
WHERE $conditions

-- name: of_parents
-- Objects of pictures. Their ids begin with those of the pictures, whose order narrows what is read.
dataset = {dataset:String}
  AND id >= {first_id:String} AND id < {last_id:String}
  AND (subset, parent) IN JSONExtract({parents:String}, 'Array(Tuple(String, String))')

-- name: ingested_before
-- Rows that are older than a moment.
ingested_at < fromUnixTimestamp64Micro({ingested_us:Int64})

-- name: present_parents
-- Which of some pictures the catalog holds.
SELECT subset, id
FROM $table
WHERE dataset = {dataset:String} AND (subset, id) IN JSONExtract({identities:String}, 'Array(Tuple(String, String))')

-- name: present_items
-- What stands of items that are about to be inserted, and what users and analyses made of them: as the
-- model's own table says it, the latest row first, else that of another model.
SELECT subset, id, place = 0 AS own, ingested_us, groups, status, attributes, scores
FROM ($selects)
ORDER BY place, ingested_us DESC
LIMIT 1 BY subset, id

-- name: present_rows
-- What one model's table says of it; the own table has the place 0.
SELECT
    $place AS place, toString(subset) AS subset, id, groups, toString(status) AS status, attributes, scores,
    toUnixTimestamp64Micro(ingested_at) AS ingested_us
FROM $table
WHERE dataset = {dataset:String} AND (subset, id) IN JSONExtract({identities:String}, 'Array(Tuple(String, String))')

-- name: stored_pictures
-- What the catalog holds of pictures whose items changed otherwise, the latest row of each.
SELECT
    subset, id, sha256, metadata_digest, phash, phash_trimmed, width, height, orientation, format,
    lower(hex(hash)) AS hash_hex, feature
FROM {table:Identifier}
WHERE dataset = {dataset:String} AND (subset, id) IN JSONExtract({identities:String}, 'Array(Tuple(String, String))')
ORDER BY ingested_at DESC
LIMIT 1 BY subset, id

-- name: update_places
-- New places of files that are otherwise as they were; rows that another run has replaced since
-- they were compared stay.
ALTER TABLE $shard_table$on_shards
UPDATE uri = transform(id, JSONExtract({ids:String}, 'Array(String)'), JSONExtract({uris:String}, 'Array(String)'), uri)
WHERE dataset = {dataset:String} AND subset = {subset:String}
  AND (id, lower(hex(sha256)), lower(hex(metadata_digest))) IN JSONExtract({compared:String}, 'Array(Tuple(String, String, String))')
SETTINGS mutations_sync = 2

-- name: delete_replaced
-- The rows that a newer row of the same identity replaced.
DELETE FROM $shard_table$on_shards
WHERE dataset = {dataset:String}
  AND (subset, id) IN JSONExtract({identities:String}, 'Array(Tuple(String, String))')
  AND ingested_at < fromUnixTimestamp64Micro({ingested_us:Int64})

-- name: count_twice
-- Rows of a dataset beyond one for each identity: a look that takes a tenth of `find_twice`.
SELECT count() - uniqExact(cityHash64(subset, id)) FROM $table WHERE dataset = {dataset:String}

-- name: find_twice
-- Identities that stand twice, as a run that was killed between inserting and deleting leaves them.
-- Groups follow the table's order, so that memory does not grow with the dataset.
-- `latest_rows` is above 1 where two rows have the very same time.
SELECT
    subset,
    id,
    toUnixTimestamp64Micro(max(ingested_at)) AS latest_us,
    countEqual(groupArray(ingested_at), max(ingested_at)) AS latest_rows
FROM {table:Identifier}
WHERE dataset = {dataset:String}
GROUP BY dataset, subset, id
HAVING count() > 1
ORDER BY latest_us, subset, id
LIMIT {limit:UInt64}
SETTINGS optimize_aggregation_in_order = 1

-- name: insert_later
-- One of the latest rows of each of some items once more, as of the next moment.
INSERT INTO $table
SELECT * REPLACE (ingested_at + toIntervalMicrosecond(1) AS ingested_at)
FROM $table
WHERE dataset = {dataset:String} AND (subset, id) IN JSONExtract({identities:String}, 'Array(Tuple(String, String))')
ORDER BY ingested_at DESC
LIMIT 1 BY subset, id

-- name: known_rejects
-- Which of the items that are about to be ingested were rejected before.
SELECT subset, id
FROM rejects
WHERE model = {model:String} AND dataset = {dataset:String}
  AND (subset, id) IN JSONExtract({identities:String}, 'Array(Tuple(String, String))')

-- name: delete_rejects
-- Rejects of files that were read again.
DELETE FROM rejects
WHERE model = {model:String} AND dataset = {dataset:String}
  AND (subset, id) IN JSONExtract({identities:String}, 'Array(Tuple(String, String))')

-- name: delete_begun
-- What a run wrote into `ingests` when it began, once the row of its end stands there. It is not
-- waited for: readers take the later of the two rows.
DELETE FROM ingests
WHERE dataset = {dataset:String} AND run = {run:String} AND finished_at = started_at
$without_waiting

-- name: without_waiting
-- A deletion that is not waited for.
SETTINGS lightweight_deletes_sync = 0

-- name: identities_after
-- Rows of a dataset that stood in a table before a moment, the next in their order.
SELECT subset, id, uri
FROM $table
WHERE dataset = {dataset:String}
  AND $condition
  AND (empty({subsets:Array(String)}) OR has({subsets:Array(String)}, subset))
  AND (subset, id) > ({after_subset:String}, {after_id:String})
  AND $moment < fromUnixTimestamp64Micro({before_us:Int64})
ORDER BY dataset, subset, id
LIMIT {limit:UInt64}

-- name: of_model
-- Rows of one model.
model = {model:String}

-- name: rejected_identities
-- The items of a dataset that could not be used.
SELECT DISTINCT subset, id
FROM rejects
WHERE model = {model:String} AND dataset = {dataset:String}
LIMIT {limit:UInt64}

-- name: recorded_runs
-- From where, and with which models, a dataset was ingested, the latest first.
SELECT source, model
FROM ingests
WHERE dataset = {dataset:String}
GROUP BY source, model
ORDER BY max(started_at) DESC, source, model

-- name: recorded_sources
-- From where a dataset was ingested and how each place was read, the latest last.
SELECT source, argMax(format, started_at) AS read_as, argMax(options, started_at) AS read_with
FROM ingests
WHERE model = {model:String} AND dataset = {dataset:String}
GROUP BY source
ORDER BY max(started_at), source

-- name: count_items
-- The rows of a table, such as the items of one model.
SELECT count() FROM $table

-- name: rows_after
-- Rows of a dataset, the next in their order.
SELECT subset, id, uri, toUnixTimestamp64Micro(ingested_at) AS ingested_us$own
FROM $table
WHERE dataset = {dataset:String} AND (subset, id) > ({after_subset:String}, {after_id:String})
ORDER BY dataset, subset, id
LIMIT {limit:UInt64}

-- name: rows_between
-- When the rows of a dataset between two identities were made.
SELECT subset, id, toUnixTimestamp64Micro(max(ingested_at)) AS ingested_us
FROM $table
WHERE dataset = {dataset:String}
  AND (subset, id) > ({after_subset:String}, {after_id:String})
  AND (subset, id) <= ({last_subset:String}, {last_id:String})
GROUP BY subset, id

-- name: join_reencoded
-- The rows of a model under new weights: picture, hash and feature as they were found again, all
-- else as it stands in the previous rows.
INSERT INTO $table
SELECT
    former.dataset AS dataset, former.subset AS subset, former.id AS id, former.uri AS uri,
    made.width AS width, made.height AS height, made.orientation AS orientation,
    made.file_size AS file_size, made.modified_at AS modified_at, made.format AS format,
    made.sha256 AS sha256, made.phash AS phash, made.phash_trimmed AS phash_trimmed,
    former.tags AS tags, former.boxes AS boxes, former.captions AS captions,
    former.groups AS groups, former.status AS status, former.attributes AS attributes,
    former.scores AS scores,
    former.metadata_digest AS metadata_digest,
    made.hash AS hash, made.feature AS feature, made.ingested_at AS ingested_at$own
FROM $former AS former
ANY INNER JOIN $making AS made
    ON former.dataset = made.dataset AND former.subset = made.subset AND former.id = made.id
SETTINGS join_algorithm = 'full_sorting_merge'

-- name: own_of_objects
-- What objects have besides, in the order of their table.
, parent, number, area

-- name: own_and_box
-- The same but for the area, and an object's box.
, parent, number, (boxes[1].label, boxes[1].x, boxes[1].y, boxes[1].width, boxes[1].height) AS box

-- name: own_of_former
-- The same of former rows.
, former.parent, former.number, former.area

-- name: switch_model
-- From here on searches use another table of a model's items and what made its hashes and features, all
-- at once.
ALTER TABLE models
UPDATE
    items_table = {items_table:String},
    source = {source:String},
    digest = {digest:String},
    dimension = {dimension:UInt32},
    bits = {bits:UInt32},
    words = {words:Bool},
    preprocessing = {preprocessing:String},
    hash_scheme = {hash_scheme:String},
    hash_parameters = {hash_parameters:String}
WHERE name = {name:String} AND items_table = {former:String}
SETTINGS mutations_sync = 2

-- name: drop_table
-- A table that nothing names any more.
DROP TABLE IF EXISTS $table$on_cluster

-- name: tables_of_prefix
-- The tables of the catalog whose names begin alike.
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND startsWith(name, {prefix:String})
ORDER BY name
