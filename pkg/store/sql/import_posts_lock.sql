-- params: bigint[] authors
-- result: bigint id, bigint last_post_id
SELECT id, last_post_id
  FROM users
 WHERE id = ANY ($1) AND deleted_at IS NULL
 ORDER BY id
   FOR NO KEY UPDATE
