-- params: bigint author_id, bigint most
-- result: bigint posts
-- Deletes $2 more posts of $1, with their feed items. A post kept in celebrity_posts has no items, and millions of
-- followers need not be looked at.
WITH doomed AS (
    SELECT id
      FROM posts
     WHERE author_id = $1 AND deleted_at IS NULL
     ORDER BY id
     LIMIT $2
       FOR NO KEY UPDATE
), marked AS (
    UPDATE posts p
       SET deleted_at = clock_timestamp()
      FROM doomed d
     WHERE p.author_id = $1 AND p.id = d.id
    RETURNING p.id
), fanned_out AS MATERIALIZED (
    SELECT m.id
      FROM marked m
     WHERE NOT EXISTS (SELECT FROM celebrity_posts c WHERE c.author_id = $1 AND c.id = m.id)
), stored AS (
    DELETE FROM celebrity_posts c
     USING marked m
     WHERE c.author_id = $1 AND c.id = m.id
), items AS (
    DELETE FROM feed_items i
     USING (SELECT f.follower_id, o.id FROM fanned_out o CROSS JOIN followers f WHERE f.followed_id = $1) AS them
     WHERE i.user_id = them.follower_id AND i.post_id = them.id
)
SELECT count(*) FROM marked
