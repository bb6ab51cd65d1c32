-- name: found_neighbours
-- The pairs of items that are each other's nearest neighbour, the most similar first.
-- Parameters: items, neighbours, k.
WITH nearest AS
(
    SELECT item, dataset, subset, id, neighbours[1] AS neighbour, similarity[1] AS similar
    FROM {neighbours:Identifier}
)
SELECT
    a.dataset AS dataset, a.subset AS subset, a.id AS id,
    b.dataset AS other_dataset, b.subset AS other_subset, b.id AS other_id,
    a.similar AS similarity, i.tags AS tags
FROM nearest AS a
INNER JOIN nearest AS b ON a.neighbour = b.item AND b.neighbour = a.item
INNER JOIN {items:Identifier} AS i ON (i.dataset, i.subset, i.id) = (a.dataset, a.subset, a.id)
WHERE (a.dataset, a.subset, a.id) < (b.dataset, b.subset, b.id)
ORDER BY similarity DESC, dataset, subset, id
LIMIT {k:UInt64};
