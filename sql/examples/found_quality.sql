-- name: found_quality
-- The faults of the latest `hamsight find quality` by issue: how many in each subset, and the worst.
SELECT
    finding AS issue,
    dataset,
    subset,
    count() AS items,
    argMin(id, rank) AS worst
FROM findings
WHERE analysis = (SELECT argMax(analysis, created_at) FROM analyses WHERE kind = 'quality')
GROUP BY issue, dataset, subset
ORDER BY items DESC, issue, dataset, subset;
