-- params: none
-- result: none
-- At once, not by follower_delta: the rows are locked anyway.
UPDATE users u
   SET follower_count = u.follower_count + counted.followers
  FROM (SELECT followed_id, count(*) AS followers FROM import_follows GROUP BY followed_id) AS counted
 WHERE u.id = counted.followed_id
