-- params: bigint[] users, integer most
-- result: bigint user_id, bigint author_id, bigint post_id
-- Suspects: items of the users $1 that nothing justifies, or whose post pages merge from celebrity_posts already. The
-- first $2. What belongs to accounts that are being taken apart is left out.
SELECT i.user_id, i.author_id, i.post_id
  FROM feed_items i
  LEFT JOIN users u ON u.id = i.user_id AND u.deleted_at IS NULL
  LEFT JOIN followees e ON e.follower_id = i.user_id AND e.followed_id = i.author_id
  LEFT JOIN posts p ON p.author_id = i.author_id AND p.id = i.post_id AND p.deleted_at IS NULL
  LEFT JOIN celebrity_posts c ON c.author_id = i.author_id AND c.id = i.post_id
 WHERE i.user_id = ANY ($1)
   AND (u.id IS NULL OR e.follower_id IS NULL OR p.id IS NULL OR c.id IS NOT NULL)
   AND NOT EXISTS (SELECT FROM departed d WHERE d.id = i.user_id)
   AND NOT EXISTS (SELECT FROM departed d WHERE d.id = i.author_id)
 ORDER BY 1, 3
 LIMIT $2
