-- params: bigint, bigint
-- result: none
DELETE FROM celebrity_posts c
 WHERE c.author_id = $1 AND c.id = $2
   AND EXISTS (SELECT FROM posts p WHERE p.author_id = $1 AND p.id = $2 AND p.deleted_at IS NOT NULL)
