-- params: bigint[], bigint[], smallint[]
-- result: integer place, boolean is_celebrity, boolean follows, boolean has_post, text body, integer revision, timestamptz created_at, timestamptz edited_at, boolean deleted
-- What events of these authors, subjects and kinds are about, as it is now; place is that in the arrays, from 1. The edge
-- is looked at for follow and unfollow (4, 5) only.
SELECT e.place::integer, coalesce(u.is_celebrity, false),
       e.kind IN (4, 5) AND EXISTS (SELECT FROM followers f WHERE f.followed_id = e.author_id AND f.follower_id = e.subject_id),
       p.id IS NOT NULL, p.body, p.revision, p.created_at, p.edited_at, p.deleted_at IS NOT NULL
  FROM unnest($1::bigint[], $2::bigint[], $3::smallint[]) WITH ORDINALITY AS e (author_id, subject_id, kind, place)
  LEFT JOIN users u ON u.id = e.author_id
  LEFT JOIN posts p ON p.author_id = e.author_id AND p.id = e.subject_id
 ORDER BY e.place
