-- The schema on a cluster (a DSN with ?cluster=NAME). Small tables stand whole on every node; items
-- and their cells are spread over the shards by identity, so that all rows of an item are on one.
-- `items_MODEL` is a view of the same name on every node; the table below it is asked and inserted into on
-- any node, and the table `shard_…` of its name holds a shard's rows.
-- {shard} and {replica} are macros of each server's configuration.

-- name: on_cluster
-- Runs a statement of the schema on every node.
ON CLUSTER '$cluster'

-- name: engine_everywhere
-- The engine of a small table: one set of replicas, which every node of every shard is in.
ReplicatedMergeTree('/clickhouse/tables/{uuid}/everywhere', '{shard}-{replica}')

-- name: engine_of_shard
-- The engine of a shard's items.
ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')

-- name: replacing_engine_of_shard
-- The engine of a shard's cells.
ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')

-- name: create_distributed
-- The items of one model, or their cells, over all shards.
CREATE TABLE IF NOT EXISTS $table$on_cluster AS $shard_table
ENGINE = Distributed('$cluster', currentDatabase(), $shard_table, cityHash64(dataset, subset, id))

-- name: create_distributed_before
-- The same before the shards' tables have their names; the columns are those of another such table.
CREATE TABLE $table$on_cluster AS $former
ENGINE = Distributed('$cluster', currentDatabase(), $shard_table, cityHash64(dataset, subset, id))

-- name: rename_to_generation
-- The shards' tables of an older version get a generation's name, and the view the name of the items.
RENAME TABLE $shard TO $shard_table, $view TO $former, $making TO $view$on_cluster

-- name: await_replicas
-- Every node has by then what was inserted into a table before.
SYSTEM SYNC REPLICA$on_cluster $shard_table

-- name: list_clusters
-- The clusters that the server knows.
SELECT DISTINCT cluster FROM system.clusters ORDER BY cluster

-- name: list_cluster_tables
-- Each table of the catalog, and its bytes on disk; where it is spread, over one replica of each
-- shard.
SELECT
    name AS table,
    if(engine = 'Distributed', of_shards.bytes, ifNull(total_bytes, 0)) AS bytes
FROM system.tables AS known
LEFT JOIN
(
    SELECT table, sum(bytes_on_disk) AS bytes
    FROM cluster('$cluster', system.parts)
    WHERE active AND database = {database:String} AND startsWith(table, 'shard_')
    GROUP BY table
) AS of_shards ON of_shards.table = concat('shard_', known.name)
WHERE known.database = {database:String} AND known.name IN {tables:Array(String)}
ORDER BY table
