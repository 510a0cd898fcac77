-- params: none
-- result: bigint id
SELECT 1::bigint, 2::bigint
