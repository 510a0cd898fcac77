-- params: bigint[] authors, bigint[] posts
-- result: none
-- What the handler of a celebrity's post would have kept, once for all followers. A post that some follower has as an
-- item was fanned out: its missing items are made instead (audit_repair_missing). Under the lock of audit_lock_posts.
WITH noted AS (
    INSERT INTO page_changes (author_id, subject_id, kind) VALUES (0, 0, 4)
), lost AS MATERIALIZED (
    SELECT DISTINCT p.author_id, p.id
      FROM unnest($1::bigint[], $2::bigint[]) AS s (author_id, post_id)
      JOIN users u ON u.id = s.author_id AND u.is_celebrity AND u.deleted_at IS NULL
      JOIN posts p ON p.author_id = s.author_id AND p.id = s.post_id AND p.deleted_at IS NULL
)
INSERT INTO celebrity_posts (author_id, id)
SELECT l.author_id, l.id
  FROM lost l
 WHERE NOT EXISTS (SELECT
                     FROM followers f
                     JOIN feed_items i ON i.user_id = f.follower_id AND i.post_id = l.id
                    WHERE f.followed_id = l.author_id)
   AND NOT EXISTS (SELECT FROM outbox o
                    WHERE o.author_id = l.author_id AND o.kind = 1 AND o.subject_id = l.id AND o.state <> 1)
 ORDER BY 1, 2
    ON CONFLICT DO NOTHING
