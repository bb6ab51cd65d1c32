-- name: found_comparison
-- The items most typical of each side of the latest `hamsight compare`, with p.
SELECT
    tag AS side,
    dataset,
    subset,
    id,
    score,
    (SELECT JSONExtractFloat(argMax(figures, created_at), 'p') FROM analyses WHERE kind = 'comparison') AS p
FROM findings
WHERE analysis = (SELECT argMax(analysis, created_at) FROM analyses WHERE kind = 'comparison')
ORDER BY side, rank;
