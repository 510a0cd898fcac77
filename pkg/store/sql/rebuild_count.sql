-- params: none
-- result: bigint users
SELECT count(*) FROM users WHERE deleted_at IS NULL
