-- name: found_clusters
-- The clusters of the latest `hamsight cluster` with their commonest tag, and the share of the items
-- that have it.
-- Parameters: items.
SELECT
    cluster,
    uniqExact(dataset, subset, id) AS items,
    topK(1)(tag)[1] AS commonest_tag,
    max(of_tag) / items AS share
FROM
(
    SELECT
        f.group AS cluster, dataset, subset, id,
        arrayJoin(emptyArrayToSingle(mapKeys(i.tags))) AS tag,
        count() OVER (PARTITION BY cluster, tag) AS of_tag
    FROM findings AS f
    INNER JOIN {items:Identifier} AS i USING (dataset, subset, id)
    WHERE f.analysis = (SELECT argMax(analysis, created_at) FROM analyses WHERE kind = 'clusters')
)
GROUP BY cluster
ORDER BY items DESC, cluster;
