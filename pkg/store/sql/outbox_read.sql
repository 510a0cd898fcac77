-- params: smallint, smallint, bigint, bigint[], integer
-- result: bigint author_id, bigint event_id, smallint partition, smallint kind, bigint subject_id, smallint tries, bigint age_ms, boolean is_celebrity, text request_id, text traceparent
-- The oldest $5 events of partition $1 in state $2 after event $3, without those of the authors $4. Whether the author is
-- a celebrity is decided here, once for all statements of the batch. Flips (kind 6) that are pending wait for their author to be quiet: see
-- flip_waiting.
SELECT o.author_id, o.event_id, o.partition, o.kind, o.subject_id, o.tries,
       (extract(epoch FROM clock_timestamp() - o.accepted_at) * 1000)::bigint,
       coalesce(u.is_celebrity, false), o.request_id, o.traceparent
  FROM outbox o
  LEFT JOIN users u ON u.id = o.author_id
 WHERE o.partition = $1 AND o.state = $2 AND o.event_id > $3 AND o.author_id <> ALL ($4::bigint[])
   AND (o.kind <> 6 OR $2 <> 0)
 ORDER BY o.event_id
 LIMIT $5
