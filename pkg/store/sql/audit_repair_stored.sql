-- params: bigint[] authors, bigint[] posts
-- result: none
-- Takes out celebrities' posts that are not there or deleted, unless the deletion's event is still to do so.
DELETE FROM celebrity_posts c
 USING unnest($1::bigint[], $2::bigint[]) AS s (author_id, post_id)
 WHERE c.author_id = s.author_id AND c.id = s.post_id
   AND NOT EXISTS (SELECT FROM posts p WHERE p.author_id = c.author_id AND p.id = c.id AND p.deleted_at IS NULL)
   AND NOT EXISTS (SELECT FROM outbox o
                    WHERE o.author_id = s.author_id AND o.kind = 3 AND o.subject_id = s.post_id AND o.state <> 1)
