-- params: bigint[] authors
-- result: none
INSERT INTO celebrities (id)
SELECT u.id
  FROM users u
 WHERE u.id = ANY ($1) AND u.deleted_at IS NULL
   AND (u.is_celebrity OR EXISTS (SELECT FROM celebrity_posts c WHERE c.author_id = u.id))
 ORDER BY u.id
    ON CONFLICT DO NOTHING
