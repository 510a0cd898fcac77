-- params: bigint[] users, bigint[] authors, bigint[] posts, bigint[] revisions
-- result: bigint place, integer revision, text body, timestamptz created_at, timestamptz edited_at
-- Those of the posts $3 by $2 that belong in the feed of $1, by their place in these arrays, from 1; the text only if the
-- revision is not the one in $4, and that is not below 0. Behind page_fence in the same transaction: what changed since then
-- is told by the next fence.
SELECT v.place, p.revision, CASE WHEN v.revision >= 0 AND p.revision <> v.revision THEN p.body END,
       p.created_at, p.edited_at
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) WITH ORDINALITY
       AS v (user_id, author_id, post_id, revision, place)
 CROSS JOIN LATERAL (SELECT FROM followees e
                      WHERE e.follower_id = v.user_id AND e.followed_id = v.author_id
                        AND NOT EXISTS (SELECT FROM departed d WHERE d.id = e.followed_id)
                      LIMIT 1) AS edge
 CROSS JOIN LATERAL (SELECT p.*
                       FROM posts p
                      WHERE p.author_id = v.author_id AND p.id = v.post_id AND p.deleted_at IS NULL
                      LIMIT 1) AS p
