-- name: found_leaks
-- The pairs of the latest `hamsight find leaks`, counted for each two subsets.
SELECT
    least(concat(dataset, '/', subset), concat(other_dataset, '/', other_subset)) AS one,
    greatest(concat(dataset, '/', subset), concat(other_dataset, '/', other_subset)) AS other,
    count() AS pairs,
    countIf(exact) AS same_file
FROM findings
WHERE analysis = (SELECT argMax(analysis, created_at) FROM analyses WHERE kind = 'leaks')
GROUP BY one, other
ORDER BY pairs DESC, one, other;
