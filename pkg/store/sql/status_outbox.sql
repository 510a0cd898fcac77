-- params: none
-- result: smallint partition, smallint state, bigint events, bigint oldest_ms
SELECT partition, state, count(*), (extract(epoch FROM clock_timestamp() - min(accepted_at)) * 1000)::bigint
  FROM outbox
 GROUP BY partition, state
 ORDER BY partition, state
