-- params: bigint id, text note
-- result: none
COPY test_notes (id, note) FROM STDIN (FORMAT binary)
