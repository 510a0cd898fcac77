-- params: bigint[] author_ids, bigint[] follower_ids, integer most
-- result: none
-- For each pair of which $2 follows $1 now: the newest $3 posts of the author into the follower's feed. Not those that
-- pages merge from celebrity_posts, not those older than the kept partitions, and not those whose own event is still to
-- come. If the author has more, the follower's feed is complete from the oldest of these on only: the horizon rises to it,
-- and pages pull what lies below. Sorted, so that two of these never wait for each other in a ring.
WITH pairs AS MATERIALIZED (
    SELECT DISTINCT f.followed_id AS author_id, f.follower_id
      FROM unnest($1::bigint[], $2::bigint[]) AS e (author_id, follower_id)
      JOIN followers f ON f.followed_id = e.author_id AND f.follower_id = e.follower_id
     WHERE NOT EXISTS (SELECT FROM departed d WHERE d.id = e.author_id)
), pending AS MATERIALIZED (
    SELECT o.author_id, o.subject_id AS post_id
      FROM outbox o
     WHERE o.author_id = ANY ($1::bigint[]) AND o.kind = 1 AND o.state = 0
), newest AS MATERIALIZED (
    SELECT a.author_id, n.id, row_number() OVER (PARTITION BY a.author_id ORDER BY n.id DESC) AS place
      FROM (SELECT DISTINCT author_id FROM pairs) AS a
     CROSS JOIN LATERAL (SELECT p.id
                           FROM posts p
                          WHERE p.author_id = a.author_id AND p.deleted_at IS NULL
                            AND p.id >= coalesce((SELECT f.post_id FROM feed_floor f), 0)
                            AND NOT EXISTS (SELECT FROM celebrity_posts c WHERE c.author_id = p.author_id AND c.id = p.id)
                            AND (p.author_id, p.id) NOT IN (SELECT author_id, post_id FROM pending)
                          ORDER BY p.id DESC
                          LIMIT $3 + 1) AS n
), raised AS (
    INSERT INTO feed_horizon AS h (user_id, post_id)
    SELECT pairs.follower_id, max(oldest.id)
      FROM newest oldest
      JOIN newest next ON next.author_id = oldest.author_id AND next.place = $3 + 1
      JOIN pairs ON pairs.author_id = oldest.author_id
     WHERE oldest.place = $3
     GROUP BY pairs.follower_id
     ORDER BY pairs.follower_id
        ON CONFLICT (user_id) DO UPDATE SET post_id = excluded.post_id WHERE h.post_id < excluded.post_id
), grown AS (
    INSERT INTO feed_grown (user_id)
    SELECT pairs.follower_id FROM pairs JOIN newest USING (author_id) WHERE newest.place = 1
), noted AS (
    -- Pages that gateways keep ready lack what comes in here.
    INSERT INTO page_changes (author_id, subject_id, kind)
    SELECT pairs.author_id, pairs.follower_id, 2 FROM pairs JOIN newest USING (author_id) WHERE newest.place = 1
)
INSERT INTO feed_items (user_id, post_id, author_id)
SELECT pairs.follower_id, newest.id, newest.author_id
  FROM pairs
  JOIN newest USING (author_id)
 WHERE newest.place <= $3
 ORDER BY 1, 2
    ON CONFLICT DO NOTHING
