-- params: bigint[] users, bigint[] authors, bigint[] posts
-- result: integer place, bigint event_id, smallint event_kind, smallint event_state
-- Which of these suspects are missing now, by their places from 1, and the event that would bring them or, if there is
-- none that is pending, a dead one: the post's own, or the follow. One snapshot for both.
WITH suspects AS MATERIALIZED (
    SELECT s.*
      FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS s (user_id, author_id, post_id, place)
), events AS MATERIALIZED (
    SELECT DISTINCT ON (o.author_id, o.kind, o.subject_id) o.author_id, o.kind, o.subject_id, o.state, o.event_id
      FROM outbox o
     WHERE o.author_id = ANY ($2) AND o.kind IN (1, 4) AND o.state <> 1
     ORDER BY o.author_id, o.kind, o.subject_id, o.state, o.event_id
)
SELECT s.place::integer,
       CASE WHEN which.post THEN posted.event_id ELSE followed.event_id END,
       CASE WHEN which.post THEN posted.kind ELSE followed.kind END,
       CASE WHEN which.post THEN posted.state ELSE followed.state END
  FROM suspects s
  JOIN users u ON u.id = s.user_id AND u.deleted_at IS NULL
  JOIN followees e ON e.follower_id = s.user_id AND e.followed_id = s.author_id
  JOIN posts p ON p.author_id = s.author_id AND p.id = s.post_id AND p.deleted_at IS NULL
  LEFT JOIN feed_horizon h ON h.user_id = s.user_id
  LEFT JOIN events posted ON posted.author_id = s.author_id AND posted.kind = 1 AND posted.subject_id = s.post_id
  LEFT JOIN events followed ON followed.author_id = s.author_id AND followed.kind = 4
                           AND followed.subject_id = s.user_id
 CROSS JOIN LATERAL (SELECT posted.event_id IS NOT NULL AND posted.state <= coalesce(followed.state, 2)) AS which (post)
 WHERE p.id >= greatest(coalesce(h.post_id, 0), coalesce((SELECT f.post_id FROM feed_floor f), 0))
   AND NOT EXISTS (SELECT FROM feed_items i
                    WHERE i.user_id = s.user_id AND i.post_id = s.post_id AND i.author_id = s.author_id)
   AND NOT EXISTS (SELECT FROM celebrity_posts c WHERE c.author_id = s.author_id AND c.id = s.post_id)
   AND NOT EXISTS (SELECT FROM departed d WHERE d.id = s.author_id)
 ORDER BY s.place
