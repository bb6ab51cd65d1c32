-- name: found_scores
-- The scores that ingest and analyses give items, by name and subset: quality, outliers, wrong tags.
-- Parameters: items.
SELECT
    score,
    dataset,
    subset,
    count() AS items,
    quantileExact(0.5)(value) AS median,
    max(value) AS greatest,
    argMax(id, value) AS greatest_id
FROM
(
    SELECT dataset, subset, id, arrayJoin(mapKeys(scores)) AS score, scores[score] AS value
    FROM {items:Identifier}
)
GROUP BY score, dataset, subset
ORDER BY score, dataset, subset;
