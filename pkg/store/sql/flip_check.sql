-- params: bigint, bigint
-- result: boolean waits, boolean untold
-- Whether flip $2 of author $1 still waits, and whether something of the author is committed and not yet told.
SELECT EXISTS (SELECT FROM outbox WHERE author_id = $1 AND event_id = $2 AND kind = 6 AND state = 0),
       EXISTS (SELECT FROM outbox WHERE author_id = $1 AND state = 1)
