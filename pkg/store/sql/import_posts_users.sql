-- params: none
-- result: bigint id
SELECT id FROM users WHERE deleted_at IS NULL ORDER BY id
