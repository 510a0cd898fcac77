-- params: bigint author_id, bigint post_id, text body, smallint partition, text request_id, text traceparent, text key, bytea request_hash
-- result: boolean author_exists, boolean created, bytea kept_hash, text kept_answer
-- post_create, done once for each key $7 of the author within 24 hours: the id is kept in the same transaction. Runs after
-- graph_lock_follower, so that of two requests with one key the later sees what the earlier did.
WITH kept AS MATERIALIZED (
    SELECT body_hash, answer
      FROM idempotency
     WHERE user_id = $1 AND key = $7 AND created_at > now() - interval '24 hours'
), moved AS (
    UPDATE users
       SET last_post_id = $2
     WHERE id = $1 AND last_post_id < $2 AND deleted_at IS NULL AND NOT EXISTS (SELECT FROM kept)
    RETURNING id AS author_id, last_post_id AS post_id
), written AS (
    INSERT INTO posts (author_id, id, body, created_at)
    SELECT author_id, post_id, $3, clock_timestamp() FROM moved
), told AS (
    INSERT INTO outbox (author_id, partition, kind, subject_id, request_id, traceparent)
    SELECT author_id, $4, 1, post_id, $5, $6 FROM moved
), remembered AS (
    -- What is in the way is older than 24 hours, and housekeeping has not come by yet.
    INSERT INTO idempotency (user_id, key, body_hash, answer)
    SELECT author_id, $7, $8, post_id::text FROM moved
        ON CONFLICT (user_id, key) DO UPDATE
       SET body_hash = excluded.body_hash, answer = excluded.answer, created_at = excluded.created_at
)
SELECT EXISTS (SELECT FROM users WHERE id = $1 AND deleted_at IS NULL) AS author_exists,
       EXISTS (SELECT FROM moved) AS created,
       (SELECT body_hash FROM kept) AS kept_hash,
       (SELECT answer FROM kept) AS kept_answer
