-- params: none
-- result: bigint users
SELECT count(*) FROM users
