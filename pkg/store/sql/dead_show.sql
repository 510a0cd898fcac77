-- params: bigint author_id, bigint event_id, integer text_max
-- result: smallint partition, smallint kind, bigint subject_id, smallint state, smallint tries, text reason, text request_id, text traceparent, timestamptz accepted_at, boolean author_exists, boolean is_celebrity, boolean post_exists, boolean post_deleted, integer revision, text body, boolean follows, bigint events_behind
-- All of an event, the first $3 characters of the post it is about, and what a replay would find.
SELECT o.partition, o.kind, o.subject_id, o.state, o.tries, o.reason, o.request_id, o.traceparent, o.accepted_at,
       u.id IS NOT NULL AND u.deleted_at IS NULL, coalesce(u.is_celebrity, false),
       p.id IS NOT NULL, p.deleted_at IS NOT NULL, p.revision, left(p.body, $3),
       EXISTS (SELECT FROM followers f WHERE f.followed_id = o.author_id AND f.follower_id = o.subject_id),
       (SELECT count(*) FROM outbox l WHERE l.author_id = o.author_id AND l.event_id > o.event_id)
  FROM outbox o
  LEFT JOIN users u ON u.id = o.author_id
  LEFT JOIN posts p ON p.author_id = o.author_id AND p.id = o.subject_id AND o.kind <= 3
 WHERE o.author_id = $1 AND o.event_id = $2
