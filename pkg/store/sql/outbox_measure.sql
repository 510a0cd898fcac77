-- params: smallint[]
-- result: smallint partition, bigint pending, bigint committed, bigint oldest_ms
-- What waits in these partitions, dead events aside; partitions in which nothing waits are left out. Pending flips (kind 6)
-- wait for their author to be quiet: their age is no sign of a backlog.
SELECT partition, count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1),
       coalesce((extract(epoch FROM clock_timestamp() - min(accepted_at) FILTER (WHERE kind <> 6 OR state <> 0)) * 1000)::bigint, 0)
  FROM outbox
 WHERE partition = ANY ($1::smallint[]) AND state <> 2
 GROUP BY partition
