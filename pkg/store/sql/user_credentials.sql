-- params: bigint id
-- result: text password_hash
SELECT coalesce(password_hash, '')
  FROM users
 WHERE id = $1 AND deleted_at IS NULL
