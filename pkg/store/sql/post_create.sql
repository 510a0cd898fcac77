-- params: bigint author_id, bigint post_id, text body, smallint partition, text request_id, text traceparent
-- result: boolean author_exists, boolean created
-- Author $1 writes post $2; $4 is the author's partition. The author's row is moved forward first: it serialises the
-- author, so post ids only rise, and the event's number is drawn while the row is locked, so events of one author are
-- numbered in the order of their posts. created_at too is read while the row is locked: now() is from before the wait,
-- and a post that waited would seem older than the one that it waited for.
WITH moved AS (
    UPDATE users
       SET last_post_id = $2
     WHERE id = $1 AND last_post_id < $2 AND deleted_at IS NULL
    RETURNING id AS author_id, last_post_id AS post_id
), written AS (
    INSERT INTO posts (author_id, id, body, created_at)
    SELECT author_id, post_id, $3, clock_timestamp() FROM moved
), told AS (
    INSERT INTO outbox (author_id, partition, kind, subject_id, request_id, traceparent)
    SELECT author_id, $4, 1, post_id, $5, $6 FROM moved
)
SELECT EXISTS (SELECT FROM users WHERE id = $1 AND deleted_at IS NULL) AS author_exists,
       EXISTS (SELECT FROM moved) AS created
