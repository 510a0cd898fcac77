-- params: text since, bigint most, boolean look, bigint[] users, bigint[] authors, bigint[] posts, bigint[] revisions
-- result: smallint kind, bigint author_id, bigint subject_id, integer revision, text body, timestamptz created_at, timestamptz edited_at
-- What a gateway asks before it shows a page that it keeps ready, in one snapshot:
--   kind 0, always first: the snapshot (body), to be `since` next time; and, if $3, whether live messages are overdue
--     (revision 1): items of posts are in the feeds, and what tells gateways of them is not out for two seconds
--   kinds 1 to 4: the rows of page_changes that have become visible since snapshot $1; $2 at most
--   kind 5: those of the posts $6 by $5 that belong in the feed of $4, subject_id being the place in these arrays, from 1;
--     the text only if the revision is not the one in $7, and that is not below 0
-- A row that snapshot $1 did not show was written by a transaction that had not begun, or was running: so no more than these
-- are looked at, however long some transaction stays open.
-- On Citus page_changes is a local table of the coordinator, where gateways connect and whose transaction ids it holds. A
-- transaction over several nodes is committed on one after the other there, so its row may show a moment before its change
-- does: gateways need --hot-pages=0.
SELECT 0::smallint AS kind, 0::bigint AS author_id, 0::bigint AS subject_id,
       CASE WHEN $3 AND EXISTS (SELECT FROM outbox o
                                 WHERE o.state = 1 AND o.accepted_at < clock_timestamp() - interval '2 seconds')
            THEN 1 ELSE 0 END AS revision,
       pg_current_snapshot()::text AS body, NULL::timestamptz AS created_at, NULL::timestamptz AS edited_at
 UNION ALL
SELECT new.kind, new.author_id, new.subject_id, 0, NULL, NULL, NULL
  FROM (SELECT c.kind, c.author_id, c.subject_id
          FROM page_changes c
         WHERE c.changed_by >= pg_snapshot_xmax($1::pg_snapshot)
         UNION ALL
        SELECT c.kind, c.author_id, c.subject_id
          FROM page_changes c
         WHERE c.changed_by = ANY (ARRAY(SELECT pg_snapshot_xip($1::pg_snapshot)))
         LIMIT $2) AS new
 UNION ALL
SELECT 5::smallint, p.author_id, v.place, p.revision, CASE WHEN v.revision >= 0 AND p.revision <> v.revision THEN p.body END, p.created_at, p.edited_at
  FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) WITH ORDINALITY
       AS v (user_id, author_id, post_id, revision, place)
 CROSS JOIN LATERAL (SELECT FROM followees e
                      WHERE e.follower_id = v.user_id AND e.followed_id = v.author_id
                        AND NOT EXISTS (SELECT FROM departed d WHERE d.id = e.followed_id)
                      LIMIT 1) AS edge
 CROSS JOIN LATERAL (SELECT p.*
                       FROM posts p
                      WHERE p.author_id = v.author_id AND p.id = v.post_id AND p.deleted_at IS NULL
                      LIMIT 1) AS p
