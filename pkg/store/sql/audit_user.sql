-- params: bigint user_id
-- result: boolean deleted, boolean departed, bigint follows, bigint followers, bigint horizon, bigint feed_floor, bigint items, bigint newest, bigint oldest, bigint celebrities, bigint celebrity_posts, bigint pending
-- The feed of $1 in figures. No row: there is no such user.
SELECT u.deleted_at IS NOT NULL,
       EXISTS (SELECT FROM departed d WHERE d.id = u.id),
       (SELECT count(*) FROM followees e WHERE e.follower_id = u.id),
       (SELECT count(*) FROM followers f WHERE f.followed_id = u.id),
       coalesce((SELECT h.post_id FROM feed_horizon h WHERE h.user_id = u.id), 0),
       coalesce((SELECT f.post_id FROM feed_floor f), 0),
       i.items, coalesce(i.newest, 0), coalesce(i.oldest, 0), c.celebrities, c.posts,
       (SELECT count(*)
          FROM outbox o
          JOIN followees e ON e.follower_id = u.id AND e.followed_id = o.author_id
         WHERE o.state = 0)
  FROM users u
 CROSS JOIN LATERAL (SELECT count(*) AS items, max(i.post_id) AS newest, min(i.post_id) AS oldest
                       FROM feed_items i WHERE i.user_id = u.id) AS i
 CROSS JOIN LATERAL (SELECT count(DISTINCT e.followed_id) AS celebrities, count(p.id) AS posts
                       FROM followees e
                       JOIN celebrities c ON c.id = e.followed_id
                       LEFT JOIN celebrity_posts s ON s.author_id = e.followed_id
                       LEFT JOIN posts p ON p.author_id = s.author_id AND p.id = s.id AND p.deleted_at IS NULL
                      WHERE e.follower_id = u.id) AS c
 WHERE u.id = $1
