-- params: bigint[] authors, bigint[] posts
-- result: bigint id
-- While these rows are locked the posts are not deleted.
SELECT p.id
  FROM posts p
 WHERE (p.author_id, p.id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))
 ORDER BY p.author_id, p.id
   FOR SHARE
