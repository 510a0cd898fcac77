-- params: bigint id, text note
-- result: none
INSERT INTO test_notes (id, note) VALUES ($1, $2)
