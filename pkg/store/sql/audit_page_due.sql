-- params: bigint user_id, bigint before_id, bigint from_id, integer most
-- result: bigint id, bigint author_id, boolean due
-- What may stand on the pages of $1 between the ids $3 and, less than, $2, newest first, at most $4 posts; due: must,
-- because nothing that is still to be worked off is in between.
SELECT p.id, p.author_id,
       i.post_id IS NOT NULL OR c.id IS NOT NULL OR p.id < greatest(coalesce(h.post_id, 0), coalesce((SELECT f.post_id FROM feed_floor f), 0))
  FROM followees e
 CROSS JOIN LATERAL (SELECT p.author_id, p.id
                       FROM posts p
                      WHERE p.author_id = e.followed_id AND p.id < $2 AND p.id >= $3 AND p.deleted_at IS NULL
                      ORDER BY p.id DESC
                      LIMIT $4) AS p
  LEFT JOIN feed_horizon h ON h.user_id = $1
  LEFT JOIN feed_items i ON i.user_id = $1 AND i.post_id = p.id AND i.author_id = p.author_id
  LEFT JOIN celebrity_posts c ON c.author_id = p.author_id AND c.id = p.id
 WHERE e.follower_id = $1
   AND NOT EXISTS (SELECT FROM departed d WHERE d.id = p.author_id)
 ORDER BY p.id DESC
 LIMIT $4
