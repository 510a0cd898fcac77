-- params: bigint most
-- result: none
-- Revocations of tokens that have ended by themselves. A minute's grace for clocks that differ.
DELETE FROM revocations r
 USING (SELECT token_id FROM revocations
         WHERE until < now() - interval '1 minute'
         ORDER BY until
         LIMIT $1
           FOR UPDATE SKIP LOCKED) AS old
 WHERE r.token_id = old.token_id
