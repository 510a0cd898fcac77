-- params: bigint most
-- result: none
-- Changes that every gateway has seen, or it keeps no page of that age: gateways ask at least once a minute.
DELETE FROM page_changes c
 USING (SELECT ctid FROM page_changes
         WHERE changed_at < now() - interval '10 minutes'
         ORDER BY changed_at
         LIMIT $1
           FOR UPDATE SKIP LOCKED) AS old
 WHERE c.ctid = old.ctid
