-- name: tag_pairs
-- Tags that occur together, with lift: how much more often than if they were independent.
-- Parameters: items, k.
WITH
    (SELECT count() FROM {items:Identifier}) AS total,
    (SELECT sumMap(mapKeys(tags), arrayMap(n -> 1, mapKeys(tags))) FROM {items:Identifier}) AS alone
SELECT
    pair.1 AS tag, pair.2 AS other,
    count() AS images,
    images * total / (alone.2[indexOf(alone.1, tag)] * alone.2[indexOf(alone.1, other)]) AS lift
FROM {items:Identifier}
ARRAY JOIN
    arrayFlatten(arrayMap(a -> arrayMap(b -> (a, b), mapKeys(tags)), mapKeys(tags))) AS pair
WHERE tag < other
GROUP BY tag, other
ORDER BY images DESC, tag, other
LIMIT {k:UInt64};
