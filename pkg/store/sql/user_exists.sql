-- params: bigint id
-- result: boolean known
SELECT EXISTS (SELECT FROM users WHERE id = $1 AND deleted_at IS NULL) AS known
