-- params: bigint, bigint, integer
-- result: none
-- If user $2 follows author $1 now: the newest $3 posts of that author into that user's feed. Not those that pages merge
-- from celebrity_posts, and not those whose own event is still to come.
INSERT INTO feed_items (user_id, post_id, author_id)
SELECT f.follower_id, n.id, f.followed_id
  FROM followers f,
       (SELECT p.id
          FROM posts p
         WHERE p.author_id = $1 AND p.deleted_at IS NULL
           AND NOT EXISTS (SELECT FROM celebrity_posts c WHERE c.author_id = $1 AND c.id = p.id)
           AND p.id NOT IN (SELECT o.subject_id FROM outbox o
                             WHERE o.author_id = $1 AND o.kind = 1 AND o.state = 0)
         ORDER BY p.id DESC
         LIMIT $3) AS n
 WHERE f.followed_id = $1 AND f.follower_id = $2
 ORDER BY 1, 2
    ON CONFLICT DO NOTHING
