-- name: largest
-- The largest images of each dataset, in pixels.
-- Parameters: items, k (of each dataset).
SELECT
    dataset, subset, id,
    width, height,
    width * height / 1e6 AS megapixels,
    formatReadableSize(file_size) AS file
FROM {items:Identifier}
ORDER BY dataset, width * height DESC, subset, id
LIMIT {k:UInt64} BY dataset;
