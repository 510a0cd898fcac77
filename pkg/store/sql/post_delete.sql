-- params: bigint author_id, bigint post_id, smallint partition, text request_id, text traceparent
-- result: boolean deleted
-- Author $1 deletes post $2; $3 is the author's partition. The body stays until housekeeping takes the row: pages and
-- /post/get look at deleted_at. The row stays locked from the update to the commit, so events of one post are numbered
-- in the order of its changes.
WITH deleted AS (
    UPDATE posts
       SET deleted_at = clock_timestamp()
     WHERE author_id = $1 AND id = $2 AND deleted_at IS NULL
    RETURNING author_id, id
), told AS (
    INSERT INTO outbox (author_id, partition, kind, subject_id, request_id, traceparent)
    SELECT author_id, $3, 3, id, $4, $5 FROM deleted
), noted AS (
    INSERT INTO page_changes (author_id, subject_id, kind)
    SELECT author_id, id, 1 FROM deleted
)
SELECT EXISTS (SELECT FROM deleted) AS deleted
