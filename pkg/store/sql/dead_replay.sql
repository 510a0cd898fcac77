-- params: bigint author_id, bigint event_id
-- result: none
-- The reason stays until the event is worked off, and the row with it.
UPDATE outbox SET state = 0, tries = 0 WHERE author_id = $1 AND event_id = $2 AND state = 2
