-- params: bigint[] users, bigint[] authors, bigint[] posts
-- result: integer place, smallint cause, bigint event_id, smallint event_kind, smallint event_state
-- Which of these items are wrong now, by their places from 1, and why (enum fr_audit_cause), and the event that would
-- take them out: the unfollow, or the post's deletion. One snapshot for both.
WITH suspects AS MATERIALIZED (
    SELECT s.*
      FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS s (user_id, author_id, post_id, place)
), events AS MATERIALIZED (
    SELECT DISTINCT ON (o.author_id, o.kind, o.subject_id) o.author_id, o.kind, o.subject_id, o.state, o.event_id
      FROM outbox o
     WHERE o.author_id = ANY ($2) AND o.kind IN (3, 5) AND o.state <> 1
     ORDER BY o.author_id, o.kind, o.subject_id, o.state, o.event_id
), judged AS (
    SELECT s.*,
           CASE WHEN u.id IS NULL THEN 1
                WHEN p.id IS NULL AND EXISTS (SELECT FROM posts q WHERE q.id = s.post_id) THEN 2
                WHEN p.id IS NULL THEN 3
                WHEN e.follower_id IS NULL THEN 4
                WHEN p.deleted_at IS NOT NULL THEN 5
                WHEN c.id IS NOT NULL THEN 6
                ELSE 0
           END AS cause
      FROM suspects s
      JOIN feed_items i ON i.user_id = s.user_id AND i.post_id = s.post_id AND i.author_id = s.author_id
      LEFT JOIN users u ON u.id = s.user_id AND u.deleted_at IS NULL
      LEFT JOIN followees e ON e.follower_id = s.user_id AND e.followed_id = s.author_id
      LEFT JOIN posts p ON p.author_id = s.author_id AND p.id = s.post_id
      LEFT JOIN celebrity_posts c ON c.author_id = s.author_id AND c.id = s.post_id
     WHERE NOT EXISTS (SELECT FROM departed d WHERE d.id = s.user_id)
       AND NOT EXISTS (SELECT FROM departed d WHERE d.id = s.author_id)
)
SELECT j.place::integer, j.cause::smallint, o.event_id, o.kind, o.state
  FROM judged j
  LEFT JOIN events o ON o.author_id = j.author_id
                    AND o.kind = CASE j.cause WHEN 4 THEN 5 WHEN 5 THEN 3 END
                    AND o.subject_id = CASE j.cause WHEN 4 THEN j.user_id WHEN 5 THEN j.post_id END
 WHERE j.cause <> 0
 ORDER BY j.place
