-- params: bigint[] authors, bigint[] posts
-- result: none
-- Takes out celebrities' posts that are not there or deleted. A deletion's event that is still to do so finds it done.
DELETE FROM celebrity_posts c
 USING unnest($1::bigint[], $2::bigint[]) AS s (author_id, post_id)
 WHERE c.author_id = s.author_id AND c.id = s.post_id
   AND NOT EXISTS (SELECT FROM posts p WHERE p.author_id = c.author_id AND p.id = c.id AND p.deleted_at IS NULL)
