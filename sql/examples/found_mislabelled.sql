-- name: found_mislabelled
-- Tags that are taken for each other: the latest `hamsight find mislabelled` by tag and suggestion,
-- with the share of the tag's items.
-- Parameters: items.
SELECT
    tag,
    suggested,
    count() AS items,
    count() / any(of_tag.total) AS share,
    argMin(id, rank) AS most_suspicious
FROM findings
INNER JOIN
(
    SELECT arrayJoin(mapKeys(tags)) AS tag, count() AS total FROM {items:Identifier} GROUP BY tag
) AS of_tag USING (tag)
WHERE analysis = (SELECT argMax(analysis, created_at) FROM analyses WHERE kind = 'mislabelled')
GROUP BY tag, suggested
ORDER BY items DESC, share DESC, tag, suggested;
