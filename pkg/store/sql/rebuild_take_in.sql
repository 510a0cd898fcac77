-- params: bigint user_id, integer cap
-- result: bigint items, bigint horizon
-- Writes what is missing of the newest $2 posts that belong into the feed of $1, and sets the horizon to what it is then:
-- the oldest of them, or none if these are all. An item that names another author than the post's is put right. What is
-- about to be fanned out or backfilled comes by itself, so this never waits for the materializer's inserts.
WITH authors AS MATERIALIZED (
    SELECT e.followed_id AS id
      FROM followees e
     WHERE e.follower_id = $1
       AND EXISTS (SELECT FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL)
       AND NOT EXISTS (SELECT FROM departed d WHERE d.id = e.followed_id)
       AND NOT EXISTS (SELECT FROM outbox o
                        WHERE o.author_id = e.followed_id AND o.kind = 4 AND o.state = 0 AND o.subject_id = $1)
), pending AS MATERIALIZED (
    SELECT o.author_id, o.subject_id AS post_id
      FROM authors a
      JOIN outbox o ON o.author_id = a.id AND o.kind = 1 AND o.state = 0
), newest AS MATERIALIZED (
    SELECT n.id, a.id AS author_id
      FROM authors a
     CROSS JOIN LATERAL (SELECT p.id
                           FROM posts p
                          WHERE p.author_id = a.id AND p.deleted_at IS NULL
                            AND p.id >= coalesce((SELECT f.post_id FROM feed_floor f), 0)
                            AND NOT EXISTS (SELECT FROM celebrity_posts c WHERE c.author_id = p.author_id AND c.id = p.id)
                            AND (p.author_id, p.id) NOT IN (SELECT author_id, post_id FROM pending)
                          ORDER BY p.id DESC
                          LIMIT $2 + 1) AS n
     ORDER BY n.id DESC
     LIMIT $2 + 1
), horizon AS MATERIALIZED (
    SELECT coalesce((SELECT id FROM newest ORDER BY id DESC OFFSET $2 - 1 LIMIT 1), 0) AS post_id
      FROM newest
    HAVING count(*) = $2 + 1
     UNION ALL
    SELECT 0 FROM newest HAVING count(*) <= $2
), written AS (
    INSERT INTO feed_items AS i (user_id, post_id, author_id)
    SELECT $1, n.id, n.author_id
      FROM newest n
     CROSS JOIN horizon
     WHERE n.id >= horizon.post_id
       AND NOT EXISTS (SELECT FROM feed_items h
                        WHERE h.user_id = $1 AND h.post_id = n.id AND h.author_id = n.author_id)
     ORDER BY 1, 2
        ON CONFLICT (user_id, post_id) DO UPDATE SET author_id = excluded.author_id
                                           WHERE i.author_id <> excluded.author_id
    RETURNING i.post_id
), raised AS (
    UPDATE feed_horizon h
       SET post_id = horizon.post_id
      FROM horizon
     WHERE h.user_id = $1 AND horizon.post_id > 0
), noted AS (
    INSERT INTO page_changes (author_id, subject_id, kind)
    SELECT 0, $1, 2 WHERE EXISTS (SELECT FROM written)
), none AS (
    DELETE FROM feed_horizon h
     USING horizon
     WHERE h.user_id = $1 AND horizon.post_id = 0
)
SELECT (SELECT count(*) FROM written), post_id FROM horizon
