-- params: bigint, bigint
-- result: boolean waits, boolean untold
-- Whether flip $2 of author $1 still waits, and whether something of the author must be told first: what is committed, and
-- what has a smaller number and turned up late. Were that told after a take-over, in the order of the numbers, it would come
-- the new way before anybody heard of the flip.
SELECT EXISTS (SELECT FROM outbox WHERE author_id = $1 AND event_id = $2 AND kind = 6 AND state = 0),
       EXISTS (SELECT FROM outbox WHERE author_id = $1 AND (state = 1 OR state = 0 AND event_id < $2 AND kind <> 6))
