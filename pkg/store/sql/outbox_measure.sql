-- params: smallint[]
-- result: smallint partition, bigint pending, bigint committed, bigint oldest_ms
-- What waits in these partitions, dead events aside; partitions in which nothing waits are left out. Pending flips (kind 6)
-- wait for their author to be quiet, which is no backlog.
SELECT partition, count(*) FILTER (WHERE state = 0 AND kind <> 6), count(*) FILTER (WHERE state = 1),
       (extract(epoch FROM clock_timestamp() - min(accepted_at) FILTER (WHERE state = 1 OR kind <> 6)) * 1000)::bigint
  FROM outbox
 WHERE partition = ANY ($1::smallint[]) AND state <> 2
 GROUP BY partition
