-- params: bigint follower_id, bigint followed_id, smallint partition, text request_id, text traceparent
-- result: boolean follower_exists, boolean followed_exists, boolean changed
-- $1 no longer follows $2; $3 is the partition of $2. Runs after graph_lock_follower.
WITH follower AS (
    SELECT id FROM users WHERE id = $1 AND deleted_at IS NULL
), edge AS (
    DELETE FROM followees
     USING follower
     WHERE followees.follower_id = follower.id AND followees.followed_id = $2
    RETURNING followees.follower_id, followees.followed_id
), reverse AS (
    DELETE FROM followers
     USING edge
     WHERE followers.followed_id = edge.followed_id AND followers.follower_id = edge.follower_id
), counted AS (
    INSERT INTO follower_delta (user_id, delta)
    SELECT followed_id, -1 FROM edge
), told AS (
    INSERT INTO outbox (author_id, partition, kind, subject_id, request_id, traceparent)
    SELECT followed_id, $3, 5, follower_id, $4, $5 FROM edge
), noted AS (
    INSERT INTO page_changes (author_id, subject_id, kind)
    SELECT followed_id, follower_id, 2 FROM edge
)
SELECT EXISTS (SELECT FROM follower) AS follower_exists,
       EXISTS (SELECT FROM users WHERE id = $2 AND deleted_at IS NULL) AS followed_exists,
       EXISTS (SELECT FROM edge) AS changed
