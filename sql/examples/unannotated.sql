-- name: unannotated
-- Images without annotations in each dataset and subset, and their share.
-- Parameters: items.
SELECT
    dataset, subset,
    count() AS images,
    countIf(status = 'unannotated') AS unannotated,
    unannotated / images AS share
FROM {items:Identifier}
GROUP BY dataset, subset
ORDER BY unannotated DESC, dataset, subset;
