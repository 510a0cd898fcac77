-- params: bigint id
-- result: boolean there
SELECT EXISTS (SELECT FROM users WHERE id = $1 AND deleted_at IS NULL) AS there
