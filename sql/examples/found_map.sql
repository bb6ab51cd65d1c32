-- name: found_map
-- The items nearest to an item on the latest `hamsight map`.
-- Parameters: dataset, subset, id, k.
WITH latest AS
(
    SELECT dataset, subset, id, x, y
    FROM map_points
    WHERE analysis = (SELECT argMax(analysis, created_at) FROM analyses WHERE kind = 'map')
)
SELECT dataset, subset, id, L2Distance((x, y), (
    SELECT (x, y) FROM latest
    WHERE dataset = {dataset:String} AND subset = {subset:String} AND id = {id:String})) AS distance
FROM latest
ORDER BY distance, dataset, subset, id
LIMIT {k:UInt64};
