-- params: bigint id, timestamptz since
-- result: none
COPY celebrities (id, since) FROM STDIN (FORMAT binary)
