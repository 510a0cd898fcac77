-- params: bigint, bigint, integer, integer
-- result: integer place, bigint user_id
-- Who follows author $1 now, after user $2, and is online, at most $3: goes on where fanout_recipients was cut off.
SELECT 1, f.follower_id
  FROM followers f
 CROSS JOIN LATERAL (SELECT FROM online o
                      WHERE o.user_id = f.follower_id AND o.until > now() - $4 * interval '1 millisecond'
                      LIMIT 1) AS present
 WHERE f.followed_id = $1 AND f.follower_id > $2
 ORDER BY f.follower_id
 LIMIT $3
