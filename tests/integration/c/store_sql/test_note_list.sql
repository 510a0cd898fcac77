-- params: none
-- result: bigint id, text note
SELECT id, note FROM test_notes ORDER BY seq
