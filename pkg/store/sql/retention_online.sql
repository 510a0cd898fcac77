-- params: bigint most
-- result: none
-- Presence that ended an hour ago: long past every grace. The lock makes sure that a row renewed meanwhile stays.
DELETE FROM online o
 USING (SELECT user_id FROM online
         WHERE until < now() - interval '1 hour'
         ORDER BY until
         LIMIT $1
           FOR UPDATE SKIP LOCKED) AS old
 WHERE o.user_id = old.user_id
