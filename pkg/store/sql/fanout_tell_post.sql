-- params: bigint, bigint
-- result: text body, integer revision, timestamptz created_at, timestamptz edited_at, boolean deleted, boolean is_celebrity
-- A post as it is now, to be told to its recipients.
SELECT p.body, p.revision, p.created_at, p.edited_at, p.deleted_at IS NOT NULL, coalesce(u.is_celebrity, false)
  FROM posts p
  LEFT JOIN users u ON u.id = p.author_id
 WHERE p.author_id = $1 AND p.id = $2
