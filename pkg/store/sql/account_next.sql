-- params: bigint settle_ms
-- result: bigint id, boolean last_pass
-- The deleted account whose turn it is: one not taken apart yet, once everything that came before its end is worked off
-- (its followers are needed until they are told); or one that was taken apart $1 ms ago, for the last look.
SELECT d.id, d.emptied_at IS NOT NULL AS last_pass
  FROM departed d
 WHERE CASE WHEN d.emptied_at IS NULL
            THEN NOT EXISTS (SELECT FROM outbox o WHERE o.author_id = d.id AND o.state <> 2 AND o.kind IN (1, 2, 3, 7))
            ELSE d.emptied_at < clock_timestamp() - $1 * interval '1 ms'
       END
 ORDER BY d.emptied_at NULLS FIRST, d.at, d.id
 LIMIT 1
