-- params: bigint[], bigint[]
-- result: integer place, text body, integer revision, timestamptz created_at, timestamptz edited_at, boolean deleted, boolean is_celebrity
-- Posts as they are now, to be told to their recipients; place is that in the arrays, from 1.
SELECT e.place::integer, p.body, p.revision, p.created_at, p.edited_at, p.deleted_at IS NOT NULL,
       coalesce(u.is_celebrity, false)
  FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS e (author_id, post_id, place)
  JOIN posts p ON p.author_id = e.author_id AND p.id = e.post_id
  LEFT JOIN users u ON u.id = e.author_id
 ORDER BY e.place
