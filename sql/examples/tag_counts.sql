-- name: tag_counts
-- Each tag: the images that have it, its instances, and the most in one image.
-- Parameters: items.
SELECT
    tag,
    count() AS images,
    sum(instances_here) AS instances,
    max(instances_here) AS most
FROM {items:Identifier}
ARRAY JOIN mapKeys(tags) AS tag, mapValues(tags) AS instances_here
WHERE instances_here > 0
GROUP BY tag
ORDER BY images DESC, tag;
