-- params: bigint[] users, bigint[] authors, bigint[] posts
-- result: none
-- Items that the handlers of the posts and follows would have made, where these are not to come any more. Under the
-- locks of audit_lock_users and audit_lock_posts.
WITH noted AS (
    INSERT INTO page_changes (author_id, subject_id, kind)
    SELECT DISTINCT 0, s.user_id, 2 FROM unnest($1::bigint[]) AS s (user_id)
)
INSERT INTO feed_items (user_id, post_id, author_id)
SELECT u.id, p.id, p.author_id
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS s (user_id, author_id, post_id)
  JOIN users u ON u.id = s.user_id AND u.deleted_at IS NULL
  JOIN followees e ON e.follower_id = s.user_id AND e.followed_id = s.author_id
  JOIN posts p ON p.author_id = s.author_id AND p.id = s.post_id AND p.deleted_at IS NULL
  LEFT JOIN feed_horizon h ON h.user_id = s.user_id
 WHERE p.id >= greatest(coalesce(h.post_id, 0), coalesce((SELECT f.post_id FROM feed_floor f), 0))
   AND NOT EXISTS (SELECT FROM celebrity_posts c WHERE c.author_id = s.author_id AND c.id = s.post_id)
   AND NOT EXISTS (SELECT FROM departed d WHERE d.id = s.author_id)
   AND NOT EXISTS (SELECT FROM outbox o
                    WHERE o.author_id = s.author_id AND o.state <> 1
                      AND (o.kind = 1 AND o.subject_id = s.post_id OR o.kind = 4 AND o.subject_id = s.user_id))
 ORDER BY 1, 2
    ON CONFLICT DO NOTHING
