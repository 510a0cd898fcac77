-- params: none
-- result: bigint id, text note
-- What comes back is an integer and a bigint: the header is wrong on purpose.
SELECT 1::bigint, 2::integer
