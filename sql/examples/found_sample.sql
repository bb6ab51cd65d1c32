-- name: found_sample
-- The items of the latest `hamsight sample` in their order, with the tags that come with each.
-- Parameters: items.
SELECT f.rank AS rank, f.dataset AS dataset, f.subset AS subset, f.id AS id, mapKeys(i.tags) AS tags
FROM findings AS f
INNER JOIN {items:Identifier} AS i USING (dataset, subset, id)
WHERE f.analysis = (SELECT argMax(analysis, created_at) FROM analyses WHERE kind = 'sample')
ORDER BY rank;
