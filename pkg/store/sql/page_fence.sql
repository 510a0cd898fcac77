-- params: text since, bigint most, boolean look
-- result: smallint kind, bigint author_id, bigint subject_id, boolean overdue, text snapshot
-- What a gateway asks before it shows pages that it keeps ready:
--   kind 0, always first: the snapshot, to be `since` next time; and, if $3, whether live messages are overdue: items of
--     posts are in the feeds, and what tells gateways of them is not out for two seconds. These are among the oldest of
--     their partition; more are not looked at, since a backlog may be long
--   kinds 1 to 4: the rows of page_changes that have become visible since snapshot $1; $2 at most
-- A row that snapshot $1 did not show was written by a transaction that had not begun, or was running: so no more than these
-- are looked at, however long some transaction stays open.
-- On Citus page_changes is a local table of the coordinator, where gateways connect and whose transaction ids it holds. A
-- transaction over several nodes is committed on one after the other there, so its row may show a moment before its change
-- does: gateways need --hot-pages=0.
SELECT 0::smallint AS kind, 0::bigint AS author_id, 0::bigint AS subject_id,
       $3 AND EXISTS (SELECT FROM generate_series(0, 15) AS p (number)
                       CROSS JOIN LATERAL (SELECT o.state, o.accepted_at
                                             FROM outbox o
                                            WHERE o.partition = p.number
                                            ORDER BY o.event_id
                                            LIMIT 200) AS oldest
                       WHERE oldest.state = 1
                         AND oldest.accepted_at < clock_timestamp() - interval '2 seconds') AS overdue,
       pg_current_snapshot()::text AS snapshot
 UNION ALL
SELECT new.kind, new.author_id, new.subject_id, NULL, NULL
  FROM (SELECT c.kind, c.author_id, c.subject_id
          FROM page_changes c
         WHERE c.changed_by >= pg_snapshot_xmax($1::pg_snapshot)
         UNION ALL
        SELECT c.kind, c.author_id, c.subject_id
          FROM page_changes c
         WHERE c.changed_by = ANY (ARRAY(SELECT pg_snapshot_xip($1::pg_snapshot)))
         LIMIT $2) AS new
