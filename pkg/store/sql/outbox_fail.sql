-- params: bigint, bigint, text, smallint
-- result: smallint tries, smallint state
-- One more failure of an event; after $4 of them it is dead.
UPDATE outbox
   SET tries = tries + 1, reason = $3, state = CASE WHEN tries + 1 >= $4 THEN 2 ELSE state END
 WHERE author_id = $1 AND event_id = $2 AND state <> 2
RETURNING tries, state
