-- params: bigint post_id
-- result: bigint author_id
SELECT author_id
  FROM posts
 WHERE id = $1 AND deleted_at IS NULL AND NOT EXISTS (SELECT FROM departed d WHERE d.id = author_id)
