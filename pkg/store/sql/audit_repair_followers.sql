-- params: bigint[] users, bigint[] authors
-- result: none
-- followees say who follows whom (pages read them, and a follow is judged by them): makes followers their image for
-- these pairs. Under the lock of audit_lock_users on the followers' rows.
WITH pair AS MATERIALIZED (
    SELECT s.user_id, s.author_id, e.follower_id IS NOT NULL AS follows
      FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[]) AS s (user_id, author_id)) AS s
      LEFT JOIN followees e ON e.follower_id = s.user_id AND e.followed_id = s.author_id
), gone AS (
    DELETE FROM followers f
     USING pair
     WHERE f.followed_id = pair.author_id AND f.follower_id = pair.user_id AND NOT pair.follows
)
INSERT INTO followers (followed_id, follower_id)
SELECT author_id, user_id FROM pair WHERE follows ORDER BY 1, 2
    ON CONFLICT DO NOTHING
