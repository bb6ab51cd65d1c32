-- name: found_outliers
-- The most unlike items of the latest `hamsight find outliers`, with their tags.
-- Parameters: items, k.
SELECT f.rank AS rank, f.dataset AS dataset, f.subset AS subset, f.id AS id, f.score AS score, mapKeys(i.tags) AS tags
FROM findings AS f
INNER JOIN {items:Identifier} AS i USING (dataset, subset, id)
WHERE f.analysis = (SELECT argMax(analysis, created_at) FROM analyses WHERE kind = 'outliers')
ORDER BY rank
LIMIT {k:UInt64};
