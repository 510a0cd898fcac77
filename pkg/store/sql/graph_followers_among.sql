-- params: bigint followed_id, bigint[] user_ids
-- result: bigint follower_id
-- Which of these users follow $1.
SELECT follower_id
  FROM followers
 WHERE followed_id = $1 AND follower_id = ANY ($2::bigint[])
