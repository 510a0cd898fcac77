-- params: bigint post_id
-- result: bigint author_id
SELECT author_id
  FROM posts
 WHERE id = $1 AND deleted_at IS NULL
