-- params: none
-- result: smallint partition, smallint state, bigint events, bigint oldest_ms
-- Pending flips (kind 6) wait for their author to be quiet: their age is no sign of a backlog.
SELECT partition, state, count(*),
       (extract(epoch FROM clock_timestamp() - min(accepted_at) FILTER (WHERE kind <> 6 OR state <> 0)) * 1000)::bigint
  FROM outbox
 GROUP BY partition, state
 ORDER BY partition, state
