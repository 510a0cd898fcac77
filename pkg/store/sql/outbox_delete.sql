-- params: bigint[], bigint[]
-- result: none
-- Events that are told: every publish is acked.
DELETE FROM outbox o
 USING unnest($1::bigint[], $2::bigint[]) AS e (author_id, event_id)
 WHERE o.author_id = e.author_id AND o.event_id = e.event_id
