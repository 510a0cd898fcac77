-- params: bigint post_id
-- result: bigint id, bigint author_id, text body, integer revision, timestamptz created_at, timestamptz edited_at
SELECT id, author_id, body, revision, created_at, edited_at
  FROM posts
 WHERE id = $1 AND deleted_at IS NULL AND NOT EXISTS (SELECT FROM departed d WHERE d.id = author_id)
