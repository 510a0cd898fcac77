-- params: bigint most
-- result: none
-- Used tickets that have ended by themselves. Ten minutes' grace for clocks that differ.
DELETE FROM used_tickets t
 USING (SELECT ticket_id FROM used_tickets
         WHERE until < now() - interval '10 minutes'
         ORDER BY until
         LIMIT $1
           FOR UPDATE SKIP LOCKED) AS old
 WHERE t.ticket_id = old.ticket_id
