-- params: bigint[], bigint[]
-- result: none
INSERT INTO celebrity_posts (author_id, id)
SELECT p.author_id, p.id
  FROM unnest($1::bigint[], $2::bigint[]) AS e (author_id, post_id)
  JOIN posts p ON p.author_id = e.author_id AND p.id = e.post_id AND p.deleted_at IS NULL
 ORDER BY 1, 2
    ON CONFLICT DO NOTHING
