-- params: bigint follower_id, bigint followed_id, integer most, smallint partition, text request_id, text traceparent
-- result: boolean follower_exists, boolean followed_exists, boolean full, boolean changed
-- $1 follows $2 unless $1 follows $3 people already; $4 is the partition of $2. Runs after graph_lock_follower.
WITH follower AS (
    SELECT id FROM users WHERE id = $1 AND deleted_at IS NULL
), followed AS (
    SELECT id FROM users WHERE id = $2 AND deleted_at IS NULL
), room AS (
    SELECT count(*) < $3 AS free
      FROM (SELECT FROM followees WHERE follower_id = $1 LIMIT $3) AS edges
), edge AS (
    INSERT INTO followees (follower_id, followed_id)
    SELECT follower.id, followed.id
      FROM follower, followed, room
     WHERE room.free
        ON CONFLICT DO NOTHING
    RETURNING follower_id, followed_id
), reverse AS (
    INSERT INTO followers (followed_id, follower_id)
    SELECT followed_id, follower_id FROM edge
        ON CONFLICT DO NOTHING
), counted AS (
    INSERT INTO follower_delta (user_id, delta)
    SELECT followed_id, 1 FROM edge
), told AS (
    INSERT INTO outbox (author_id, partition, kind, subject_id, request_id, traceparent)
    SELECT followed_id, $4, 4, follower_id, $5, $6 FROM edge
), noted AS (
    INSERT INTO page_changes (author_id, subject_id, kind)
    SELECT followed_id, follower_id, 2 FROM edge
)
SELECT EXISTS (SELECT FROM follower) AS follower_exists,
       EXISTS (SELECT FROM followed) AS followed_exists,
       NOT room.free AND NOT EXISTS (SELECT FROM followees WHERE follower_id = $1 AND followed_id = $2) AS full,
       EXISTS (SELECT FROM edge) AS changed
  FROM room
