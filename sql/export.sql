-- Reading items for `hamsight export`: one subset of one dataset after another, each page by page.

-- name: export_parts
-- The datasets and subsets of the items for which a condition holds.
SELECT DISTINCT toString(dataset), toString(subset) FROM ($selects) ORDER BY 1, 2

-- name: export_page
-- The next items of a dataset's subset. An item of several models comes once, as of the first.
SELECT $columns
FROM ($selects)
ORDER BY id, place
LIMIT 1 BY id
LIMIT {page_rows:UInt64}

-- name: export_rows
-- The next items of a dataset's subset in one table.
SELECT *, $place AS place
FROM $table
WHERE dataset = {page_dataset:String} AND subset = {page_subset:String} AND id > {page_after:String}
  AND ($condition)
ORDER BY id
LIMIT {page_rows:UInt64}

-- name: export_columns
-- What is exported of an item.
toString(dataset) AS dataset, toString(subset) AS subset, id, uri, width, height, orientation,
file_size, modified_at, toString(format) AS format, lower(hex(sha256)) AS sha256, tags, boxes,
captions, groups, toString(status) AS status, attributes, ingested_at

-- name: export_features
-- What is exported besides with --features.
hash, CAST(feature, 'Array(Float32)') AS feature

-- name: export_labels
-- The labels of the boxes of the items for which a condition holds, with their datasets.
SELECT DISTINCT toString(dataset), arrayJoin(boxes.label) FROM $table WHERE $condition

-- name: has_column
-- 1 where a table of the catalog has the column; older catalogs lack some.
SELECT count()
FROM system.columns
WHERE database = currentDatabase() AND table = {table:String} AND name = {column:String}

-- name: recorded_categories
-- The labels of a dataset as its sources number them (JSON), the latest first.
SELECT categories
FROM ingests
WHERE dataset = {dataset:String} AND categories != ''
GROUP BY categories
ORDER BY max(started_at) DESC, categories

-- name: coco_ids
-- The items of a dataset's subset that have a whole number for their COCO id.
SELECT id, toInt64OrZero(attributes['coco_id']) AS coco_id
FROM $table
WHERE dataset = {dataset:String} AND subset = {subset:String}
  AND match(attributes['coco_id'], '^-?[0-9]{1,15}$$')

-- name: repeated_coco_ids
-- The COCO ids that several items have.
SELECT coco_id FROM ($selects) GROUP BY coco_id HAVING uniqExact(id) > 1

-- name: largest_coco_id
-- The largest COCO id, or 0.
SELECT greatest(0, max(coco_id)) FROM ($selects)
