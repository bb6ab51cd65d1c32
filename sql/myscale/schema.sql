-- Items on MyScale, a database for vectors built on ClickHouse: what sql/schema.sql says otherwise
-- there. MyScale's 1.x is built on ClickHouse 23.3 and 2.x on 24.8; neither knows BFloat16.

-- name: feature_type_on_myscale
-- The type of a column of features that MyScale's vector index takes.
Array(Float32)

-- name: without_waiting_on_myscale
-- A deletion that is not waited for: what says so on ClickHouse is there from 24.4 on.
SETTINGS mutations_sync = 0

-- name: vector_index
-- MyScale's vector index over the features of an items table. MyScale takes their dimension from
-- the constraint, which must be written just so; an item without a feature is refused.
,
    CONSTRAINT feature_dimension CHECK length(feature) = $dimension,
    VECTOR INDEX feature_index feature TYPE $type('metric_type=Cosine')
