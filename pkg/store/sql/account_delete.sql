-- params: bigint user_id, smallint partition, text request_id, text traceparent, bigint token_ms
-- result: boolean deleted
-- Ends account $1; $2 is its partition. From the commit on nobody finds the account, pages leave out what it wrote
-- (departed), the event tells those who are connected, and all tokens of the user are revoked, the longest of which live for
-- $5. What is left is taken apart by the materializer, in pieces.
WITH gone AS (
    UPDATE users
       SET deleted_at = clock_timestamp(), password_hash = NULL
     WHERE id = $1 AND deleted_at IS NULL
    RETURNING id
), departing AS (
    INSERT INTO departed (id)
    SELECT id FROM gone
        ON CONFLICT DO NOTHING
), signed_out AS (
    INSERT INTO revocations (token_id, until)
    SELECT 'user:' || id, clock_timestamp() + $5 * interval '1 millisecond' FROM gone
        ON CONFLICT (token_id) DO UPDATE
           SET until = EXCLUDED.until, revoked_at = EXCLUDED.revoked_at
), told AS (
    INSERT INTO outbox (author_id, partition, kind, subject_id, request_id, traceparent)
    SELECT id, $2, 7, id, $3, $4 FROM gone
), noted AS (
    INSERT INTO page_changes (author_id, subject_id, kind)
    SELECT id, 0, 3 FROM gone
)
SELECT EXISTS (SELECT FROM gone) AS deleted
