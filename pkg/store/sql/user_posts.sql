-- params: bigint author_id, bigint before_id, integer how_many
-- result: bigint id, bigint author_id, text body, integer revision, timestamptz created_at, timestamptz edited_at
-- What $1 wrote, newest first: posts below id $2, at most $3.
SELECT id, author_id, body, revision, created_at, edited_at
  FROM posts
 WHERE author_id = $1 AND id < $2 AND deleted_at IS NULL
 ORDER BY id DESC
 LIMIT $3
