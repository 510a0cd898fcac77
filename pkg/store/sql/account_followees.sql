-- params: bigint follower_id, bigint most
-- result: bigint followed_id
-- Whom $1 follows: the first $2.
SELECT followed_id
  FROM followees
 WHERE follower_id = $1
 ORDER BY followed_id
 LIMIT $2
