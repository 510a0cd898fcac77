-- params: bigint ended_ms, integer most
-- result: none
-- Forgets at most $2 users whose presence ended more than $1 ms ago. Rows that somebody renews just now are left alone.
DELETE FROM online
 WHERE user_id IN (SELECT user_id FROM online
                    WHERE until < now() - $1 * interval '1 ms'
                    ORDER BY user_id
                    LIMIT $2
                      FOR UPDATE SKIP LOCKED)
