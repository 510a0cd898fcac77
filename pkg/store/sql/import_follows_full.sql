-- params: bigint follows_max, bigint most
-- result: bigint follower_id, bigint follows
-- Who would follow more than $1 people.
SELECT follower_id, follows
  FROM (SELECT f.follower_id,
               count(*) + (SELECT count(*) FROM followees e WHERE e.follower_id = f.follower_id) AS follows
          FROM import_follows f
         GROUP BY f.follower_id) AS counted
 WHERE follows > $1
 ORDER BY follower_id
 LIMIT $2
