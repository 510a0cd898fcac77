-- params: bigint, bigint, integer
-- result: integer place, bigint user_id
-- Who follows author $1 now, after user $2, at most $3: goes on where fanout_recipients was cut off.
SELECT 1, f.follower_id
  FROM followers f
 WHERE f.followed_id = $1 AND f.follower_id > $2
 ORDER BY f.follower_id
 LIMIT $3
