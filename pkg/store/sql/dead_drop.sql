-- params: bigint author_id, bigint event_id
-- result: none
DELETE FROM outbox WHERE author_id = $1 AND event_id = $2 AND state = 2
