-- params: bigint most
-- result: none
-- Answers kept for repeated requests, after a day.
DELETE FROM idempotency i
 USING (SELECT user_id, key FROM idempotency
         WHERE created_at < now() - interval '24 hours'
         ORDER BY created_at
         LIMIT $1
           FOR UPDATE SKIP LOCKED) AS old
 WHERE i.user_id = old.user_id AND i.key = old.key
