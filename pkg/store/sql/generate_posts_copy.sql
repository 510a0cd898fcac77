-- params: bigint author_id, bigint id, text body, timestamptz created_at
-- result: none
COPY posts (author_id, id, body, created_at) FROM STDIN (FORMAT binary)
