-- params: bigint[] authors
-- result: none
WITH noted AS (
    INSERT INTO page_changes (author_id, subject_id, kind) VALUES (0, 0, 4)
)
INSERT INTO celebrities (id)
SELECT u.id
  FROM users u
 WHERE u.id = ANY ($1) AND u.deleted_at IS NULL
   AND (u.is_celebrity OR EXISTS (SELECT FROM celebrity_posts c WHERE c.author_id = u.id))
 ORDER BY u.id
    ON CONFLICT DO NOTHING
