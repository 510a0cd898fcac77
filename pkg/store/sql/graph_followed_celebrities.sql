-- params: bigint[] follower_ids
-- result: bigint follower_id, bigint followed_id
-- Whom of all who are or once were celebrities these users follow.
SELECT e.follower_id, e.followed_id
  FROM followees e
  JOIN celebrities c ON c.id = e.followed_id
 WHERE e.follower_id = ANY ($1::bigint[])
