-- params: smallint[]
-- result: smallint partition, bigint pending, bigint committed, bigint oldest_ms
-- What waits in these partitions, dead events aside; partitions in which nothing waits are left out.
SELECT partition, count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1),
       (extract(epoch FROM clock_timestamp() - min(accepted_at)) * 1000)::bigint
  FROM outbox
 WHERE partition = ANY ($1::smallint[]) AND state <> 2
 GROUP BY partition
