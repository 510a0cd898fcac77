-- params: text since, bigint most
-- result: smallint kind, bigint author_id, bigint subject_id, text snapshot, integer backend
-- What a gateway asks before it shows pages that it keeps ready:
--   kind 0, always first: the snapshot, to be `since` next time, and the server process that took it: before another one
--   all that was known is void, because a server that crashed gives ids of transactions that it lost out once more
--   kinds 1 to 4: the rows of page_changes that have become visible since snapshot $1; $2 at most
-- A row that snapshot $1 did not show was written by a transaction that had not begun, or was running: so no more than these
-- are looked at, however long some transaction stays open.
-- On Citus page_changes is a local table of the coordinator, where gateways connect and whose transaction ids it holds. A
-- transaction over several nodes is committed on one after the other there, so its row may show a moment before its change
-- does: gateways need --hot-pages=0.
SELECT 0::smallint AS kind, 0::bigint AS author_id, 0::bigint AS subject_id, pg_current_snapshot()::text AS snapshot,
       pg_backend_pid() AS backend
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
