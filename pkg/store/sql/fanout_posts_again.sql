-- params: bigint[], bigint[]
-- result: none
-- As fanout_posts.sql, when some of the items are there already (23505).
INSERT INTO feed_items (user_id, post_id, author_id)
SELECT f.follower_id, p.id, p.author_id
  FROM unnest($1::bigint[], $2::bigint[]) AS e (author_id, post_id)
  JOIN posts p ON p.author_id = e.author_id AND p.id = e.post_id AND p.deleted_at IS NULL
  JOIN followers f ON f.followed_id = e.author_id
 WHERE e.post_id >= coalesce((SELECT post_id FROM feed_floor), 0)
 ORDER BY 1, 2
    ON CONFLICT DO NOTHING
