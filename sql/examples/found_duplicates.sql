-- name: found_duplicates
-- The groups of the latest `hamsight find duplicates`: the item to keep, and what the others take.
-- Parameters: items.
SELECT
    f.group AS group,
    anyIf(f.dataset, f.keep) AS dataset,
    anyIf(f.subset, f.keep) AS subset,
    anyIf(f.id, f.keep) AS id,
    countIf(NOT f.keep) AS spare,
    sumIf(i.file_size, NOT f.keep) AS spare_bytes
FROM findings AS f
INNER JOIN {items:Identifier} AS i USING (dataset, subset, id)
WHERE f.analysis = (SELECT argMax(analysis, created_at) FROM analyses WHERE kind = 'duplicates')
GROUP BY group
ORDER BY spare_bytes DESC, group;
