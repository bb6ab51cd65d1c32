-- The statements of the page's server. Items go by the 64-bit hash of their identities.

-- name: hashes_of_identities
-- The hashes of items whose identities are given in JSON, in their order.
SELECT arrayMap(
    one -> cityHash64(one.1, one.2, one.3),
    JSONExtract({identities:String}, 'Array(Tuple(String, String, String))'))

-- name: all_keys
-- The identities of all items, in their order.
SELECT dataset, subset, id, cityHash64(dataset, subset, id) AS item
FROM $table
ORDER BY dataset, subset, id

-- name: keys_of_hashes
-- The identities of items whose hashes are given in JSON.
SELECT dataset, subset, id, cityHash64(dataset, subset, id) AS item
FROM $table
WHERE cityHash64(dataset, subset, id) IN JSONExtract({hashes:String}, 'Array(UInt64)')
ORDER BY dataset, subset, id

-- name: browsed
-- The items for which a condition holds, in no order.
SELECT cityHash64(dataset, subset, id) AS item FROM $table WHERE $condition

-- name: browsed_in_order
-- The items for which a condition holds, in an order.
SELECT cityHash64(dataset, subset, id) AS item
FROM $table
WHERE $condition
ORDER BY $order

-- name: browsed_by_analyst
-- The same as an analyst would ask it.
SELECT dataset, subset, id
FROM $table
WHERE $condition
ORDER BY $order

-- name: without_queries
-- Items for which a condition holds and that are none of the queries.
($condition) AND (dataset, subset, id) NOT IN {excluded:Array(Tuple(String, String, String))}

-- name: explored
-- What the page shows of an item.
toString(dataset) AS dataset, toString(subset) AS subset, id, uri, width, height, orientation, file_size,
toString(format) AS format, lower(hex(sha256)) AS sha256, tags, boxes, captions, groups,
toString(status) AS status, attributes, scores, ingested_at, cityHash64(dataset, subset, id) AS item

-- name: facet
-- The values of a facet with the number of items that have each, most first, and how many values there are.
SELECT value, count() AS items, countIf(is_selected) AS selected, count() OVER () AS values
FROM
(
    SELECT arrayJoin($values) AS value, $selected AS is_selected
    FROM $table
    WHERE $condition
)
WHERE {contains:String} = '' OR positionCaseInsensitiveUTF8(value, {contains:String}) > 0
GROUP BY value
ORDER BY items DESC, value
LIMIT {limit:UInt32}

-- name: is_selected
-- Whether an item is among those whose hashes are given in JSON.
cityHash64(dataset, subset, id) IN JSONExtract({selected:String}, 'Array(UInt64)')

-- name: facet_of_text
-- The values of a facet that is a column of text.
[toString($column)]

-- name: facet_of_tags
-- The values of the facet of tags.
mapKeys(mapFilter((tag, instances) -> instances > 0, tags))

-- name: facet_of_groups
-- The values of the facet of groups.
groups

-- name: facet_of_attributes
-- The values of the facet of attributes: name and value.
arrayMap((name, value) -> concat(name, ' = ', value), mapKeys(attributes), mapValues(attributes))

-- name: statuses
-- The status of every item that has another than the one that is given.
SELECT cityHash64(dataset, subset, id) AS item, toString(status) AS status
FROM $table
WHERE status != {status:String}

-- name: attribute_values
-- The value of an attribute of every item that has it.
SELECT cityHash64(dataset, subset, id) AS item, attributes[{name:String}] AS value
FROM $table
WHERE mapContains(attributes, {name:String})

-- name: group_members
-- The items of a group.
SELECT cityHash64(dataset, subset, id) AS item FROM $table WHERE has(groups, {group:String})

-- name: rows_kept
-- Whole rows, to put them back where they were.
SELECT * FROM $table WHERE $condition

-- name: time_zone
-- The time zone of the engine.
SELECT timezone()

-- name: engine_version
-- The version of the engine.
SELECT version()

-- name: table_functions
-- What stands in FROM like a table.
SELECT name FROM system.table_functions

-- name: columns_alone
-- The columns of a statement of a client, without its rows.
SELECT * FROM (
$statement
) LIMIT 0

-- name: use_database
-- The database of the statements that follow.
USE `$database`

-- name: map_names
-- The commonest values of a field, by which a map is coloured.
SELECT value, count() AS items
FROM (SELECT arrayJoin($values) AS value FROM $table)
GROUP BY value
ORDER BY items DESC, value
LIMIT {limit:UInt32}

-- name: map_codes
-- For each item the place, from 1, of the first of the names that is a value of it; 0 without any of
-- these, 255 without a value.
WITH arrayMap(value -> toString(value), $values) AS own
SELECT
    cityHash64(dataset, subset, id) AS item,
    toUInt8(if(empty(own), 255, arrayFirstIndex(name -> has(own, name), {names:Array(String)}))) AS code
FROM $table

-- name: map_scores
-- A score of each item that has it.
SELECT cityHash64(dataset, subset, id) AS item, scores[{score:String}] AS value
FROM $table
WHERE mapContains(scores, {score:String})

-- name: values_of_attribute
-- The value of an attribute, an array, which is empty where an item has it not.
if(mapContains(attributes, {attribute:String}), [attributes[{attribute:String}]], [])

-- name: names_of_values
-- The names of attributes and of scores.
SELECT groupUniqArrayArray(1000)(mapKeys(attributes)), groupUniqArrayArray(1000)(mapKeys(scores)) FROM $table

-- name: words_of_captions
-- The words of captions that may name what is seen, in small letters.
arrayFilter(word -> lengthUTF8(word) > 3, splitByNonAlpha(lowerUTF8(arrayStringConcat(captions, ' '))))

-- name: map_words
-- How many items of each cell of a map have which word. Cells are numbered from the least x and y, row by row.
SELECT cell, word, count() AS items
FROM
(
    SELECT cityHash64(dataset, subset, id) AS item, arrayJoin(arrayDistinct($words)) AS word
    FROM $table
) AS told
INNER JOIN
(
    SELECT
        item,
        least(toUInt32((y - {low:Float64}) / {high:Float64} * {cells:UInt32}), {cells:UInt32} - 1) * {cells:UInt32}
            + least(toUInt32((x - {left:Float64}) / {wide:Float64} * {cells:UInt32}), {cells:UInt32} - 1) AS cell
    FROM map_points
    WHERE analysis = {analysis:String}
) AS places ON told.item = places.item
GROUP BY cell, word

-- name: in_lasso
-- Items that lie inside of a polygon on a map by the even-odd rule: a line from each to the right crosses an odd
-- number of sides. pointInPolygon refuses polygons whose sides cross each other, as people draw them.
cityHash64(dataset, subset, id) IN (
    SELECT item
    FROM map_points
    PREWHERE analysis IN (SELECT analysis FROM analyses WHERE $is_map)
        AND x BETWEEN arrayMin({lasso_x:Array(Float64)}) AND arrayMax({lasso_x:Array(Float64)})
        AND y BETWEEN arrayMin({lasso_y:Array(Float64)}) AND arrayMax({lasso_y:Array(Float64)})
    WHERE arrayCount(
        (ax, ay, bx, by) -> (ay > y) != (by > y) AND x < (bx - ax) * (y - ay) / (by - ay) + ax,
        {lasso_x:Array(Float64)}, {lasso_y:Array(Float64)},
        arrayConcat(arraySlice({lasso_x:Array(Float64)}, -1), arrayPopBack({lasso_x:Array(Float64)})),
        arrayConcat(arraySlice({lasso_y:Array(Float64)}, -1), arrayPopBack({lasso_y:Array(Float64)}))) % 2 = 1)

-- name: named_in_filters
-- The names that filters on a model's items may say, the first of each kind by the alphabet.
SELECT
    count() AS items,
    arraySort(groupUniqArray(dataset)) AS datasets,
    arraySort(groupUniqArray(subset)) AS subsets,
    arraySort(groupUniqArray(status)) AS statuses,
    arraySlice(arraySort(groupUniqArrayArray(mapKeys(tags))), 1, {limit:UInt64}) AS tags,
    arraySlice(arraySort(groupUniqArrayArray(groups)), 1, {limit:UInt64}) AS groups,
    arraySlice(arraySort(groupUniqArrayArray(mapKeys(attributes))), 1, {limit:UInt64}) AS attributes,
    arraySlice(arraySort(groupUniqArrayArray(mapKeys(scores))), 1, {limit:UInt64}) AS scores
FROM $table

-- name: found
-- Findings of an analysis in their order, each with the decision that stands about it.
SELECT $columns, toString(decision) AS decision
FROM findings
LEFT ANY JOIN ($decisions) AS decided
    USING (finding, dataset, subset, id, other_dataset, other_subset, other_id, tag)
WHERE analysis = {analysis:String} AND $condition
ORDER BY rank

-- name: found_places
-- What tells which findings belong together.
rank, group, toString(finding) AS finding

-- name: found_whole
-- All that is shown of a finding.
rank, group, toString(finding) AS finding, toString(dataset) AS dataset, toString(subset) AS subset, id,
toString(other_dataset) AS other_dataset, toString(other_subset) AS other_subset, other_id, keep, exact,
similarity, distance, tag, suggested, score

-- name: of_found
-- Some of the findings, by rank or by group.
$column IN JSONExtract({keys:String}, 'Array(UInt32)')

-- name: nothing_decided
-- Where nobody has decided anything yet.
SELECT finding, dataset, subset, id, other_dataset, other_subset, other_id, tag, '' AS decision
FROM findings
WHERE 0

-- name: cluster_sizes
-- The clusters of an analysis, and how many items of each have tags.
SELECT found.group AS cluster, count() AS items, any(found.tag) AS name, countIf(notEmpty(items.tags)) AS tagged
FROM findings AS found
LEFT JOIN $table AS items USING (dataset, subset, id)
WHERE found.analysis = {analysis:String}
GROUP BY cluster
ORDER BY cluster

-- name: cluster_middles
-- The items that are nearest to the middle of each cluster.
SELECT group AS cluster, toString(dataset) AS dataset, toString(subset) AS subset, id
FROM findings
WHERE analysis = {analysis:String}
ORDER BY rank
LIMIT {shown:UInt32} BY cluster

-- name: typical_items
-- The items that are most typical of each side of a comparison.
SELECT tag AS side, toString(dataset) AS dataset, toString(subset) AS subset, id
FROM findings
WHERE analysis = {analysis:String}
ORDER BY rank

-- name: cluster_tags
-- The commonest tags of each cluster, with the number of items that have each.
SELECT cluster, tag_name, count() AS items
FROM
(
    SELECT found.group AS cluster, arrayJoin(mapKeys(items.tags)) AS tag_name
    FROM findings AS found
    INNER JOIN $table AS items USING (dataset, subset, id)
    WHERE found.analysis = {analysis:String}
)
GROUP BY cluster, tag_name
ORDER BY cluster, items DESC, tag_name
LIMIT {shown:UInt32} BY cluster
