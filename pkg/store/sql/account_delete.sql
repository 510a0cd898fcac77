-- params: bigint user_id, smallint partition, text request_id, text traceparent
-- result: boolean deleted
-- Ends account $1; $2 is its partition. From the commit on nobody finds the account, pages leave out what it wrote
-- (departed), and the event tells those who are connected. What is left is taken apart by the materializer, in pieces.
WITH gone AS (
    UPDATE users
       SET deleted_at = clock_timestamp(), password_hash = NULL
     WHERE id = $1 AND deleted_at IS NULL
    RETURNING id
), departing AS (
    INSERT INTO departed (id)
    SELECT id FROM gone
        ON CONFLICT DO NOTHING
), told AS (
    INSERT INTO outbox (author_id, partition, kind, subject_id, request_id, traceparent)
    SELECT id, $2, 7, id, $3, $4 FROM gone
), noted AS (
    INSERT INTO page_changes (author_id, subject_id, kind)
    SELECT id, 0, 3 FROM gone
)
SELECT EXISTS (SELECT FROM gone) AS deleted
