-- params: bigint[] users, integer most
-- result: bigint user_id, bigint author_id, bigint post_id
-- Suspects: posts that the feeds of the users $1 should have at or above their horizons, and have not. The first $2.
-- OFFSET 0 has celebrity_posts looked up by its key: how many rows come to that point is guessed wrong by hundreds, and the
-- join that looks cheap for few would read the whole table for each.
WITH chunk AS MATERIALIZED (
    SELECT u.id AS user_id, greatest(coalesce(h.post_id, 0), coalesce((SELECT f.post_id FROM feed_floor f), 0)) AS horizon
      FROM users u
      LEFT JOIN feed_horizon h ON h.user_id = u.id
     WHERE u.id = ANY ($1) AND u.deleted_at IS NULL
)
SELECT c.user_id, p.author_id, p.id
  FROM chunk c
  JOIN followees e ON e.follower_id = c.user_id AND e.follower_id = ANY ($1)
  JOIN posts p ON p.author_id = e.followed_id AND p.id >= c.horizon AND p.deleted_at IS NULL
 WHERE NOT EXISTS (SELECT FROM feed_items i
                    WHERE i.user_id = c.user_id AND i.post_id = p.id AND i.author_id = p.author_id)
   AND NOT EXISTS (SELECT FROM celebrity_posts s WHERE s.author_id = p.author_id AND s.id = p.id OFFSET 0)
   AND NOT EXISTS (SELECT FROM departed d WHERE d.id = p.author_id)
 ORDER BY 1, 3, 2
 LIMIT $2
