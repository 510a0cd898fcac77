-- params: bigint ended_ms, integer most
-- result: none
-- Forgets at most $2 users whose presence ended more than $1 ms ago.
DELETE FROM online
 WHERE until < now() - $1 * interval '1 ms'
   AND user_id IN (SELECT user_id FROM online
                    WHERE until < now() - $1 * interval '1 ms'
                    ORDER BY until
                    LIMIT $2)
