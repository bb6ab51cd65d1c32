-- Analyses of what a catalog holds: what they read, and the tables of what they found.

-- name: create_analyses
-- One row for each analysis whose findings stand: of which items it was, with which settings, in
-- which `state` these items were, and when the latest of them had been ingested. `scope`, `settings`
-- and `figures` are JSON.
CREATE TABLE IF NOT EXISTS analyses$on_cluster
(
    analysis   String,
    kind       LowCardinality(String),
    model      LowCardinality(String),
    scope      String,
    settings   String,
    figures    String,
    items      UInt64,
    latest     DateTime64(6, 'UTC'),
    seconds    Float32,
    created_at DateTime64(3, 'UTC') DEFAULT now64(3),
    state      UInt64
)
ENGINE = $engine
ORDER BY (kind, created_at)

-- name: add_analysis_columns
-- A catalog of an older version gets the state of the items that an analysis saw; 0 is none.
ALTER TABLE analyses ADD COLUMN IF NOT EXISTS state UInt64

-- name: create_findings
-- What analyses found, the most suspicious first by `rank`: an item, or a pair of items where
-- `other_id` is not empty. `finding` is `duplicate`, `leak`, `mislabelled`, `outlier`, an issue of
-- quality, `sample`, `cluster` (its number is `group`), or `typical` of a side of a comparison, which `tag` names; `kind` tells groups of duplicates from `duplicate_pairs`. Columns that a kind does not have are empty.
CREATE TABLE IF NOT EXISTS findings$on_cluster
(
    analysis      String,
    kind          LowCardinality(String),
    finding       LowCardinality(String),
    rank          UInt32,
    dataset       LowCardinality(String),
    subset        LowCardinality(String),
    id            String,
    other_dataset LowCardinality(String),
    other_subset  LowCardinality(String),
    other_id      String,
    group         UInt32,
    keep          Bool,
    exact         Bool,
    similarity    Float32,
    distance      UInt16,
    tag           String,
    suggested     String,
    score         Float32
)
ENGINE = $engine
ORDER BY (kind, analysis, rank)

-- name: create_not_duplicates
-- Pairs of items that somebody looked at and keeps both of; the lesser identity first.
CREATE TABLE IF NOT EXISTS not_duplicates$on_cluster
(
    dataset       LowCardinality(String),
    subset        LowCardinality(String),
    id            String,
    other_dataset LowCardinality(String),
    other_subset  LowCardinality(String),
    other_id      String,
    decided_at    DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = $engine
ORDER BY (dataset, subset, id)

-- name: not_duplicates
-- Those pairs.
SELECT DISTINCT
    toString(dataset), toString(subset), id, toString(other_dataset), toString(other_subset), other_id
FROM not_duplicates

-- name: forget_not_duplicates
-- Pairs of which both items were kept may be duplicates again.
DELETE FROM not_duplicates
WHERE (dataset, subset, id, other_dataset, other_subset, other_id) IN JSONExtract(
    {pairs:String}, 'Array(Tuple(String, String, String, String, String, String))')

-- name: create_decisions
-- What people decided about findings, each named by the columns that it has in `findings`; the
-- latest decision stands. `decision` is `ignored`, `kept`, `grouped`, `deleted`, `relabelled` or
-- `moved`, and empty where a finding is to be decided again. `change` is what one action decided.
CREATE TABLE IF NOT EXISTS decisions$on_cluster
(
    finding       LowCardinality(String),
    dataset       LowCardinality(String),
    subset        LowCardinality(String),
    id            String,
    other_dataset LowCardinality(String),
    other_subset  LowCardinality(String),
    other_id      String,
    tag           String,
    decision      LowCardinality(String),
    change        String,
    decided_at    DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = $engine
ORDER BY (finding, dataset, subset, id)

-- name: standing_decisions
-- The latest decision about each finding.
SELECT
    finding, dataset, subset, id, other_dataset, other_subset, other_id, tag,
    argMax(decision, decided_at) AS decision
FROM decisions
GROUP BY finding, dataset, subset, id, other_dataset, other_subset, other_id, tag

-- name: ignored_findings
-- The findings that are to be found no more.
SELECT toString(finding), toString(dataset), toString(subset), id, tag
FROM ($decisions)
WHERE decision = 'ignored'

-- name: forget_decisions
-- What one action decided.
DELETE FROM decisions WHERE change = {change:String}

-- name: analyzed_items
-- A page of the items that an analysis is of, in the order of their identities. No column's name is
-- that of another's value, which conditions would then read.
SELECT
    toString(dataset) AS dataset_name, toString(subset) AS subset_name, id, uri, sha256,
    toUnixTimestamp64Micro(ingested_at) AS ingested_us$more
FROM $table
WHERE $conditions
ORDER BY dataset, subset, id

-- name: count_analyzed
-- How many items an analysis is of, and how many of them have no feature.
SELECT count(), countIf(empty(feature)) FROM $table WHERE $conditions

-- name: analyzed_features
-- Features as numbers that every client reads.
CAST(feature, 'Array(Float32)') AS numbers

-- name: has_feature
-- Items whose feature is known.
notEmpty(feature)

-- name: analyzed_looks
-- What tells how a picture looks, and which of two copies is the better.
phash, phash_trimmed, toUInt64(width) * height AS pixels, file_size,
    notEmpty(tags) OR notEmpty(boxes) OR notEmpty(captions) AS annotated

-- name: analyzed_tags
-- The names of an item's tags.
mapKeys(tags) AS tag_names

-- name: analyzed_captions
-- The captions of an item.
captions AS caption_texts

-- name: analyzed_quality
-- Scores of quality, and the size of the picture.
scores, width, height

-- name: analyzed_attribute
-- The value of an attribute by which items belong together.
attributes[{together:String}] AS together

-- name: analyzed_kept
-- Whether an item is in the group of those that are kept.
has(groups, {keep_group:String}) AS kept

-- name: delete_findings
-- The findings of analyses that are made again.
DELETE FROM findings WHERE analysis IN {former:Array(String)}

-- name: delete_analyses
-- Their own rows.
DELETE FROM analyses WHERE analysis IN {former:Array(String)}

-- name: former_analyses
-- Analyses of the same kind, model and scope.
SELECT analysis
FROM analyses
WHERE kind = {kind:String} AND model = {model:String} AND scope = {scope:String}
ORDER BY created_at DESC

-- name: list_analyses
-- The analyses whose findings stand, the latest first. A catalog of an older version has no `state`.
SELECT
    kind, model, scope, settings, figures, items, latest, seconds, created_at, analysis,
    COLUMNS('^state')
FROM analyses
ORDER BY created_at DESC, analysis

-- name: members_of_group
-- The items of a group of duplicates, as the latest analysis has it.
SELECT toString(dataset), toString(subset), id
FROM findings
WHERE kind = 'duplicates' AND group = {group:UInt32} AND analysis IN (
    SELECT analysis FROM analyses WHERE kind = 'duplicates' ORDER BY created_at DESC LIMIT 1)
ORDER BY rank

-- name: state_of_items
-- A number that tells whether items came, went, moved, or have other pictures or tags since.
SELECT sum(cityHash64(
    toString(dataset), toString(subset), id, ingested_at, phash, arraySort(mapKeys(tags))))
FROM $table
WHERE $conditions

-- name: count_unseen
-- How many items have a picture that nobody has looked at.
SELECT countIf(NOT mapContains(scores, 'blurry') AND uri != '') FROM $table

-- name: unseen_items
-- The next of these items.
SELECT toString(dataset), toString(subset), id, uri
FROM $table
WHERE NOT mapContains(scores, 'blurry') AND uri != ''
  AND (dataset, subset, id) > ({after_dataset:String}, {after_subset:String}, {after_id:String})
ORDER BY dataset, subset, id
LIMIT {limit:UInt64}

-- name: looks_set
-- Hashes and scores of some items, each by the place of its id in a list.
phash = toFixedString(unhex(transform(id, JSONExtract({ids:String}, 'Array(String)'), JSONExtract({phashes:String}, 'Array(String)'), repeat('0', $zeros))), 32),
phash_trimmed = toFixedString(unhex(transform(id, JSONExtract({ids:String}, 'Array(String)'), JSONExtract({trimmed:String}, 'Array(String)'), repeat('0', $zeros))), 32),
scores = mapUpdate(scores, CAST(
    mapFromArrays(
        {names:Array(String)},
        arrayMap(
            values -> values[indexOf(JSONExtract({ids:String}, 'Array(String)'), id)],
            JSONExtract({values:String}, 'Array(Array(Float32))'))),
    'Map(LowCardinality(String), Float32)'))

-- name: tag_replaced
-- One tag becomes another, with its count and its boxes.
tags = mapUpdate(
    mapFilter((name, count) -> name != {tag:String}, tags),
    map({suggested:String}, toUInt32(tags[{tag:String}] + tags[{suggested:String}]))),
boxes = arrayMap(
    box -> if(box.label = {tag:String}, (({suggested:String}, box.x, box.y, box.width, box.height))::Tuple(label String, x Float32, y Float32, width Float32, height Float32), box),
    boxes)

-- name: labels_of
-- The tags and boxes of some items.
SELECT toString(dataset) AS dataset_name, toString(subset) AS subset_name, id, tags, boxes
FROM $table
WHERE $condition

-- name: labels_set
-- Tags and boxes of some items, each by the place of its id in a list.
tags = JSONExtract({tags:String}, 'Array(Map(String, UInt32))')[indexOf(JSONExtract({ids:String}, 'Array(String)'), id)],
boxes = JSONExtract({boxes:String}, 'Array(Array(Tuple(label String, x Float32, y Float32, width Float32, height Float32)))')[indexOf(JSONExtract({ids:String}, 'Array(String)'), id)]

-- name: analyzed_box
-- The box of an object.
x AS box_x, y AS box_y, boxes[1].width AS box_width, boxes[1].height AS box_height

-- name: labels_replaced
-- Boxes of the given places get another label; the numbers of a picture's boxes stand at the place of
-- its id in a list.
boxes = arrayMap(
    (box, number) -> if($chosen, (({suggested:String}, box.x, box.y, box.width, box.height))::Tuple(label String, x Float32, y Float32, width Float32, height Float32), box),
    boxes, arrayEnumerate(boxes)),
tags = mapFilter(
    (name, count) -> count > 0,
    mapUpdate(tags, map(
        {tag:String}, toUInt32(greatest(toInt64(tags[{tag:String}]) - toInt64($count), 0)),
        {suggested:String}, toUInt32(tags[{suggested:String}] + $count))))

-- name: box_chosen
-- Whether a box of a picture is among the given ones and has the label still.
box.label = {tag:String} AND has(
    JSONExtract({numbers:String}, 'Array(Array(UInt32))')[indexOf(JSONExtract({ids:String}, 'Array(String)'), id)],
    number)

-- name: boxes_chosen
-- How many boxes of a picture are.
arrayCount((box, number) -> $chosen, boxes, arrayEnumerate(boxes))

-- name: has_tag
-- Items that have the tag.
mapContains(tags, {tag:String})

-- name: create_map_points
-- Where each item lies on a map, one row for an item of each map in `analyses`. `item` is the hash of
-- the item's identity and `digest` that of the feature by which it was laid out; `fitted` says
-- whether it took part in the fit, or was placed among those that did.
CREATE TABLE IF NOT EXISTS map_points$on_cluster
(
    analysis String,
    dataset  LowCardinality(String),
    subset   LowCardinality(String),
    id       String,
    item     UInt64 DEFAULT cityHash64(dataset, subset, id),
    digest   UInt64,
    x        Float32,
    y        Float32,
    fitted   Bool
)
ENGINE = $engine
ORDER BY (analysis, dataset, subset, id)

-- name: layout_of_map
-- The name of a map's layout, empty for a map of an older version.
SELECT JSONExtractString(figures, 'layout') FROM analyses WHERE analysis = {analysis:String}

-- name: is_map
-- Whether an analysis is the map of a layout, or is called so.
kind = 'map' AND {lasso_map:String} IN (analysis, JSONExtractString(figures, 'layout'))

-- name: count_maps
-- How many maps there are of a layout.
SELECT count() FROM analyses WHERE $is_map

-- name: map_points
-- The points of a map, in the order of the items' identities.
SELECT item, digest, x, y, fitted
FROM map_points
WHERE analysis = {analysis:String}
ORDER BY dataset, subset, id

-- name: delete_map_points
-- The points of maps that are made again.
DELETE FROM map_points WHERE analysis IN {former:Array(String)}

-- name: analyzed_key
-- The hash of an item's identity.
cityHash64(dataset, subset, id) AS item_key

-- name: analyzed_digest
-- The hash of an item's feature.
cityHash64(feature) AS feature_digest

-- name: analyzed_groups
-- The groups of an item.
groups AS group_names

-- name: analyzed_status
-- The status of an item.
toString(status) AS status_name

-- name: create_item_values
-- Numbers and texts on their way into the scores and attributes of items; `item` is the hash of an
-- item's identity.
CREATE TABLE IF NOT EXISTS item_values$on_cluster
(
    run    String,
    item   UInt64,
    number Float32,
    text   String
)
ENGINE = $engine
ORDER BY (run, item)

-- name: has_item_value
-- Items that get one of these values.
cityHash64(dataset, subset, id) IN (SELECT item FROM item_values WHERE run = {run:String})

-- name: item_value
-- The value that an item gets.
transform(
    cityHash64(dataset, subset, id),
    (SELECT arraySort(groupArray(item)) FROM item_values WHERE run = {run:String}),
    (SELECT arrayMap(one -> one.2, arraySort(groupArray((item, $column)))) FROM item_values WHERE run = {run:String}),
    $absent)

-- name: no_number
-- What stands for a number that an item does not get.
toFloat32(nan)

-- name: no_text
-- What stands for a text that an item does not get.
toString('')

-- name: score_given
-- A score of its own for each item; an item that gets none has none afterwards.
scores = mapFilter(
    (name, score) -> name != {name:String} OR NOT isNaN(score),
    mapUpdate(scores, CAST(map({name:String}, $value), 'Map(LowCardinality(String), Float32)')))

-- name: attribute_given
-- An attribute of its own for each item; an item that gets none has none afterwards.
attributes = mapFilter(
    (name, value) -> name != {name:String} OR notEmpty(value),
    mapUpdate(attributes, map({name:String}, $value)))

-- name: delete_item_values
-- The values, once items have them.
DELETE FROM item_values WHERE run = {run:String}

-- name: create_neighbours
-- The nearest items of each item of a model by cosine, the nearest first. Items go by the hash of
-- their identity, `cityHash64(dataset, subset, id)`; `digest` is the hash of the feature that was
-- compared. It is replaced as a whole.
CREATE TABLE IF NOT EXISTS $table$on_cluster
(
    dataset    LowCardinality(String),
    subset     LowCardinality(String),
    id         String,
    item       UInt64 DEFAULT cityHash64(dataset, subset, id),
    digest     UInt64,
    neighbours Array(UInt64),
    similarity Array(Float32)
)
ENGINE = $engine
ORDER BY (dataset, subset, id)

-- name: kept_neighbours
-- The neighbours of every item, in one list each.
SELECT item, digest, neighbours, similarity FROM $table ORDER BY dataset, subset, id

-- name: replace_neighbours
-- New neighbours in place of those of before, at once.
ALTER TABLE $table REPLACE PARTITION tuple() FROM $made

-- name: drop_made_neighbours
-- The table in which they were made.
DROP TABLE IF EXISTS $table$on_cluster SYNC
