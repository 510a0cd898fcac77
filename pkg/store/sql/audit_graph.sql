-- params: bigint[] ids, boolean with_followees, integer most
-- result: smallint kind, smallint cause, bigint user_id, bigint author_id, bigint post_id, bigint counted, bigint found, bigint event_id, smallint event_kind, smallint event_state
-- What feeds and pages rest on, for the people $1, with $2 also what is written by those whom they follow: kind and
-- cause as in enum fr_audit_kind and fr_audit_cause. The first $3. Each row of it is of one snapshot. Accounts that are
-- deleted or being taken apart are left out.
WITH people AS MATERIALIZED (
    SELECT u.id, u.follower_count, u.is_celebrity
      FROM users u
     WHERE u.id = ANY ($1) AND u.deleted_at IS NULL
), authors AS MATERIALIZED (
    SELECT u.id, u.is_celebrity
      FROM users u
     WHERE u.deleted_at IS NULL
       AND u.id IN (SELECT unnest($1)
                     UNION
                    SELECT e.followed_id FROM followees e WHERE $2 AND e.follower_id = ANY ($1))
), ordered AS (
    SELECT p.author_id, p.id, p.created_at,
           lag(p.id) OVER before AS earlier_id, lag(p.created_at) OVER before AS earlier_at
      FROM authors a
      JOIN posts p ON p.author_id = a.id
    WINDOW before AS (PARTITION BY p.author_id ORDER BY p.id)
), wrong (kind, cause, user_id, author_id, post_id, counted, found, event_id, event_kind, event_state) AS (
    SELECT 5, 7, e.follower_id, e.followed_id, 0::bigint, 0::bigint, 0::bigint, NULL::bigint, NULL::smallint, NULL::smallint
      FROM people u
      JOIN followees e ON e.follower_id = u.id
     WHERE NOT EXISTS (SELECT FROM followers f WHERE f.followed_id = e.followed_id AND f.follower_id = e.follower_id)
       AND NOT EXISTS (SELECT FROM departed d WHERE d.id = e.followed_id)
     UNION ALL
    SELECT 5, 8, f.follower_id, f.followed_id, 0, 0, 0, NULL, NULL, NULL
      FROM people u
      JOIN followers f ON f.followed_id = u.id
     WHERE NOT EXISTS (SELECT FROM followees e WHERE e.follower_id = f.follower_id AND e.followed_id = f.followed_id)
       AND NOT EXISTS (SELECT FROM departed d WHERE d.id = f.follower_id)
     UNION ALL
    SELECT 6, 0, 0, u.id, 0, u.follower_count + coalesce(pending.delta, 0), coalesce(counted.followers, 0), NULL, NULL, NULL
      FROM people u
      LEFT JOIN (SELECT d.user_id, sum(d.delta)::bigint AS delta
                   FROM follower_delta d WHERE d.user_id = ANY ($1) GROUP BY d.user_id) AS pending
             ON pending.user_id = u.id
      LEFT JOIN (SELECT f.followed_id, count(*) AS followers
                   FROM followers f WHERE f.followed_id = ANY ($1) GROUP BY f.followed_id) AS counted
             ON counted.followed_id = u.id
     WHERE u.follower_count + coalesce(pending.delta, 0) <> coalesce(counted.followers, 0)
     UNION ALL
    SELECT 7, CASE WHEN a.is_celebrity THEN 9 ELSE 10 END, 0, a.id, 0, 0, 0, NULL, NULL, NULL
      FROM authors a
     WHERE (a.is_celebrity OR EXISTS (SELECT FROM celebrity_posts c WHERE c.author_id = a.id))
       AND NOT EXISTS (SELECT FROM celebrities c WHERE c.id = a.id)
     UNION ALL
    SELECT 4, CASE WHEN p.id IS NULL THEN 3 ELSE 5 END, 0, c.author_id, c.id, 0, 0, o.event_id, o.kind, o.state
      FROM authors a
      JOIN celebrity_posts c ON c.author_id = a.id
      LEFT JOIN posts p ON p.author_id = c.author_id AND p.id = c.id
      LEFT JOIN LATERAL (SELECT o.event_id, o.kind, o.state
                           FROM outbox o
                          WHERE o.author_id = c.author_id AND o.kind = 3 AND o.subject_id = c.id AND o.state <> 1
                          ORDER BY o.state, o.event_id
                          LIMIT 1) AS o ON p.id IS NOT NULL
     WHERE p.id IS NULL OR p.deleted_at IS NOT NULL
     UNION ALL
    SELECT 8, 0, 0, o.author_id, o.id, o.earlier_id, 0, NULL, NULL, NULL
      FROM ordered o
     WHERE o.created_at < o.earlier_at
)
SELECT w.kind::smallint, w.cause::smallint, w.user_id, w.author_id, w.post_id, w.counted, w.found, w.event_id,
       w.event_kind, w.event_state
  FROM wrong w
 WHERE NOT EXISTS (SELECT FROM departed d WHERE d.id = w.author_id)
   AND NOT EXISTS (SELECT FROM departed d WHERE d.id = w.user_id)
 ORDER BY 1, 4, 3, 5
 LIMIT $3
