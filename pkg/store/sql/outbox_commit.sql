-- params: bigint[], bigint[]
-- result: none
UPDATE outbox o
   SET state = 1
  FROM unnest($1::bigint[], $2::bigint[]) AS e (author_id, event_id)
 WHERE o.author_id = e.author_id AND o.event_id = e.event_id AND o.state = 0
