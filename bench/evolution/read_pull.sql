-- Nothing is kept: the newest of all posts of everybody followed.
SELECT p.id, p.author_id, p.body, p.revision, p.created_at, p.edited_at
  FROM followees f
  JOIN posts p ON p.author_id = f.followed_id
 WHERE f.follower_id = :reader AND p.deleted_at IS NULL
 ORDER BY p.id DESC
 LIMIT 20;
