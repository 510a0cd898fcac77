-- params: bigint after_id, integer most
-- result: bigint id
SELECT id
  FROM users
 WHERE id > $1 AND deleted_at IS NULL
 ORDER BY id
 LIMIT $2
