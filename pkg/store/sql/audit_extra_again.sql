-- params: bigint[] users, bigint[] authors, bigint[] posts
-- result: integer place, smallint cause, bigint event_id, smallint event_kind, smallint event_state
-- Which of these items are wrong now, by their places from 1, and why (enum fr_audit_cause), and the event that would
-- take them out: the unfollow (of a deleted post, too: see audit.c), or the post's deletion. One snapshot for both.
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
  LEFT JOIN LATERAL (SELECT e.event_id, e.kind, e.state
                       FROM events e
                      WHERE e.author_id = j.author_id
                        AND (j.cause IN (4, 5) AND e.kind = 5 AND e.subject_id = j.user_id
                             OR j.cause = 5 AND e.kind = 3 AND e.subject_id = j.post_id)
                      ORDER BY e.state, e.event_id
                      LIMIT 1) AS o ON true
 WHERE j.cause <> 0
 ORDER BY j.place
