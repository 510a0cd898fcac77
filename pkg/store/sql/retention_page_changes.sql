-- params: bigint most
-- result: none
-- What changed pages ten minutes ago and longer. A gateway that was away for so long keeps no page from before.
DELETE FROM page_changes
 WHERE ctid = ANY (ARRAY(SELECT ctid FROM page_changes
                          WHERE changed_at < now() - interval '10 minutes'
                          ORDER BY changed_at
                          LIMIT $1
                            FOR UPDATE SKIP LOCKED))
