-- Changing items that are in the catalog: groups, status, attributes, deleting, whole datasets.
-- A change of columns waits until it is visible (mutations_sync), and touches only rows that
-- it changes.

-- name: of_identities
-- Items of one dataset and subset, by id.
(dataset = {$dataset:String} AND subset = {$subset:String} AND id IN JSONExtract({$ids:String}, 'Array(String)'))

-- name: or_of_identities
-- Between the conditions of several parameters, each of a size that a server takes.
OR

-- name: count_rows
-- The items of one model for which a condition holds.
SELECT count() FROM $table WHERE $condition

-- name: count_changes
-- The items of one model for which a condition holds, and those of them that need a change.
SELECT count(), countIf($needed) FROM $table WHERE $condition

-- name: count_changed_identities
-- The same of several models, each item counted once.
SELECT uniqExact(dataset, subset, id), uniqExactIf((dataset, subset, id), needed) FROM ($selects)

-- name: needing_identities
-- The identities of items for which a condition holds, and whether they need a change.
SELECT dataset, subset, id, ($needed) AS needed FROM $table WHERE $condition

-- name: count_identities
-- The items of several models for which a condition holds, each counted once.
SELECT uniqExact(dataset, subset, id) FROM ($selects)

-- name: selected_identities
-- The identities of items for which a condition holds.
SELECT dataset, subset, id FROM $table WHERE $condition

-- name: first_identities
-- Some of the items for which a condition holds.
SELECT DISTINCT dataset, subset, id FROM ($selects) ORDER BY dataset, subset, id LIMIT {limit:UInt64}

-- name: selected_datasets
-- The datasets of the items for which a condition holds.
SELECT DISTINCT dataset FROM ($selects) ORDER BY dataset

-- name: update_items
-- A change of items that are selected and need it.
ALTER TABLE $shard_table$on_shards
UPDATE $assignments
WHERE ($condition) AND ($needed)
SETTINGS mutations_sync = 2

-- name: delete_items
-- Deleting the items for which a condition holds; image files are never touched.
DELETE FROM $shard_table$on_shards WHERE $condition

-- name: parents_selected
-- Those pictures for which a condition holds that have objects.
SELECT DISTINCT dataset, subset, parent
FROM $table
WHERE (dataset, subset, parent) IN (SELECT dataset, subset, id FROM $pictures WHERE $condition)
ORDER BY dataset, subset, parent

-- name: group_added
-- The item's groups with one more.
groups = arrayPushBack(groups, {group:String})

-- name: not_in_group
-- Items that are not in the group.
NOT has(groups, {group:String})

-- name: group_removed
-- The item's groups without one.
groups = arrayFilter(name -> name != {group:String}, groups)

-- name: in_group
-- Items that are in the group.
has(groups, {group:String})

-- name: status_set
-- A status of the user's.
status = {status:String}

-- name: status_differs
-- Items of another status.
status != {status:String}

-- name: attributes_set
-- Attributes of the user's.
attributes = $attributes

-- name: attributes_differ
-- Items whose attributes would change.
attributes != $attributes

-- name: new_attributes
-- An item's attributes without those that are removed, and with those that are set.
mapUpdate(
    mapFilter((name, value) -> NOT has({removed:Array(String)}, name), attributes),
    mapFromArrays({names:Array(String)}, {values:Array(String)}))

-- name: list_groups
-- Each group: its items, counted once whatever models they have, and their datasets.
SELECT
    group,
    uniqExact(dataset, subset, id) AS items,
    arraySort(groupUniqArray(dataset)) AS datasets
FROM ($selects)
GROUP BY group
ORDER BY group

-- name: grouped_items
-- One row for each item and each of its groups.
SELECT arrayJoin(groups) AS group, toString(dataset) AS dataset, subset, id FROM $table

-- name: dataset_summaries
-- Each dataset: what `hamsight datasets` shows. With several models, items, annotated and
-- image_bytes are of the model that has most of the dataset's items.
SELECT
    dataset,
    arraySort(arrayDistinct(arrayFlatten(groupArray(found_subsets)))) AS subsets,
    max(found_items) AS items,
    argMax(found_annotated, found_items) AS annotated,
    argMax(found_bytes, found_items) AS image_bytes,
    arraySort(groupUniqArrayIf(model, found_items > 0)) AS models,
    sum(found_rejects) AS rejects,
    max(changed_at) AS last_ingest
FROM ($selects)
GROUP BY dataset
ORDER BY dataset

-- name: dataset_items
-- What the items of one model say of each dataset.
SELECT
    toString(dataset) AS dataset,
    groupUniqArray(toString(subset)) AS found_subsets,
    count() AS found_items,
    countIf(notEmpty(tags) OR notEmpty(boxes) OR notEmpty(captions)) AS found_annotated,
    sum(file_size) AS found_bytes,
    {$model:String} AS model,
    toUInt64(0) AS found_rejects,
    max(ingested_at) AS changed_at
FROM $table
GROUP BY dataset

-- name: dataset_rejects
-- What the rejects say of each dataset.
SELECT
    toString(dataset) AS dataset,
    emptyArrayString() AS found_subsets,
    toUInt64(0) AS found_items,
    toUInt64(0) AS found_annotated,
    toUInt64(0) AS found_bytes,
    '' AS model,
    uniqExact(subset, id) AS found_rejects,
    max(rejected_at) AS changed_at
FROM rejects
GROUP BY dataset

-- name: dataset_ingests
-- What the runs of ingest say of each dataset.
SELECT
    dataset,
    emptyArrayString() AS found_subsets,
    toUInt64(0) AS found_items,
    toUInt64(0) AS found_annotated,
    toUInt64(0) AS found_bytes,
    '' AS model,
    toUInt64(0) AS found_rejects,
    toDateTime64(max(finished_at), 6, 'UTC') AS changed_at
FROM ingests
GROUP BY dataset

-- name: of_dataset
-- Rows of one dataset.
dataset = {dataset:String}

-- name: create_renames
-- Renames of datasets under way; a row that stays is of one that was interrupted.
CREATE TABLE IF NOT EXISTS renames$on_cluster
(
    former     String,
    name       String,
    started_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = $engine
ORDER BY (former, name)

-- name: begin_rename
-- A rename begins.
INSERT INTO renames (former, name) SELECT {former:String}, {name:String}

-- name: find_renames
-- What a dataset is being renamed to.
SELECT name FROM renames WHERE former = {former:String} ORDER BY started_at

-- name: end_rename
-- A rename is done.
DELETE FROM renames WHERE former = {former:String} AND name = {name:String}

-- name: any_of_dataset
-- A row where the model has items of the dataset.
SELECT 1 FROM $table WHERE dataset = {dataset:String} LIMIT 1

-- name: renamed_dataset
-- What a row's dataset is after a rename.
if(dataset = {former:String}, {name:String}, toString(dataset))

-- name: renamed_rows
-- Items with the new name of their dataset.
SELECT
    $dataset, subset, id, uri, width, height, orientation, file_size, modified_at, format, sha256,
    phash, phash_trimmed, tags, boxes, captions, groups, status, attributes, scores, metadata_digest,
    hash, feature, ingested_at$own
FROM $former
PREWHERE $held

-- name: attach_rows
-- All rows of a table in another of the same columns too: both have the same files.
ALTER TABLE $shard_table$on_shards ATTACH PARTITION tuple() FROM $other

-- name: copy_renamed
-- Rows of a dataset once more under its new name, but for those that stand there already.
INSERT INTO $table
SELECT * REPLACE ({name:String} AS dataset)
FROM
(
    SELECT *
    FROM $table
    WHERE $uncopied
)

-- name: uncopied_rows
-- Rows of a dataset that do not stand under its new name.
dataset = {former:String}
      AND ($key) NOT IN (SELECT $key FROM $table WHERE dataset = {name:String})

-- name: delete_dataset_rows
-- All that a table says of a dataset.
DELETE FROM $shard_table$on_shards WHERE dataset = {dataset:String}

-- name: place_of
-- Where a uri's file is: an archive's own place for a member of one.
if(position($uri, '::') > 0, substring($uri, position($uri, '::') + 2), $uri)

-- name: under_root
-- Rows of a dataset whose file is the root itself, or below it.
dataset = {dataset:String}
  AND startsWith($place, {root:String})
  AND substring($place, length({root:String}) + 1, 1) IN ('', '/', '\\', '#')

-- name: move_files
-- New places of files: the root that their uris begin with is replaced.
ALTER TABLE $shard_table$on_shards
UPDATE $uri = concat(
    substring($uri, 1, length($uri) - length($place)),
    {new_root:String},
    substring($place, length({root:String}) + 1))
WHERE $condition
SETTINGS mutations_sync = 2

-- name: places_under_root
-- The files of a dataset below a root, the next in their order.
SELECT DISTINCT uri
FROM $table
WHERE $condition AND uri > {after:String}
ORDER BY uri
LIMIT {limit:UInt64}

-- name: sample_under_root
-- Some files of a dataset below a root, from all over it.
SELECT DISTINCT uri
FROM $table
WHERE $condition
ORDER BY cityHash64(uri)
LIMIT {limit:UInt64}

-- name: moved_items
-- Items that were moved to another subset, and where they stood.
SELECT toString(dataset), toString(subset), id, attributes['former_subset']
FROM $table
WHERE mapContains(attributes, 'former_subset')

-- name: taken_ids
-- Of items that are to move to another subset those whose id another item has there; a copy that an
-- interrupted move left is no other item.
SELECT id
FROM $table
WHERE dataset = {dataset:String} AND subset = {subset:String}
  AND id IN JSONExtract({ids:String}, 'Array(String)')
  AND (id, sha256, uri) NOT IN (
    SELECT id, sha256, uri FROM $table
    WHERE dataset = {dataset:String} AND subset = {former:String}
      AND id IN JSONExtract({ids:String}, 'Array(String)'))

-- name: copy_to_subset
-- Rows of items once more in another subset, but for those that stand there already.
INSERT INTO $table
SELECT * REPLACE ({subset:String} AS subset$replaced)
FROM
(
    SELECT *
    FROM $table
    WHERE dataset = {dataset:String} AND subset = {former:String}
      AND id IN JSONExtract({ids:String}, 'Array(String)')
      AND id NOT IN (
        SELECT id FROM $table WHERE dataset = {dataset:String} AND subset = {subset:String})
)

-- name: kept_former
-- The attributes of an item that moves, which say where it stood at first, unless it returns there.
mapFilter(
    (name, value) -> name != 'former_subset' OR value != {subset:String},
    mapUpdate(map('former_subset', {former:String}), attributes)) AS attributes

-- name: forgotten_former
-- The attributes of an item that moves back.
mapFilter((name, value) -> name != 'former_subset', attributes) AS attributes

-- name: objects_of_ids
-- The objects of some items of a subset.
SELECT id
FROM $table
WHERE dataset = {dataset:String} AND subset = {former:String}
  AND parent IN JSONExtract({ids:String}, 'Array(String)')

-- name: delete_of_subset
-- Items of a subset that stand in another one by now.
DELETE FROM $shard_table$on_shards
WHERE dataset = {dataset:String} AND subset = {former:String}
  AND id IN JSONExtract({ids:String}, 'Array(String)')
