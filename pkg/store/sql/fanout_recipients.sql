-- params: bigint, bigint, integer
-- result: bigint user_id
-- Who follows author $1 now, after user $2, at most $3; nobody if the author is a celebrity, who is told of once for all.
-- Must run after the commit of the feed items: whoever is not seen here reads those.
SELECT f.follower_id
  FROM followers f
 WHERE f.followed_id = $1 AND f.follower_id > $2
   AND NOT EXISTS (SELECT FROM users u WHERE u.id = $1 AND u.is_celebrity)
 ORDER BY f.follower_id
 LIMIT $3
