-- The feed is there.
SELECT p.id, p.author_id, p.body, p.revision, p.created_at, p.edited_at
  FROM (SELECT post_id, author_id FROM evolution.feed WHERE user_id = :reader ORDER BY post_id DESC LIMIT 20) AS i
  JOIN posts p ON p.author_id = i.author_id AND p.id = i.post_id
 WHERE p.deleted_at IS NULL
 ORDER BY p.id DESC;
