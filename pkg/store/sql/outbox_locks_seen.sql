-- params: integer, integer
-- result: boolean is_member, integer number
-- Who shares the outbox, in one look: the author partitions that somebody holds ($1 is the class of their advisory locks),
-- and the numbers of all members ($2), in order. A member whose session was not heard of for 3 s (stopped, or busy with one
-- long statement) has no part in what is shared out now; what it holds stays its own. (state_change is null for sessions of
-- roles into which this one cannot look: they count.)
SELECT l.classid = $2::bigint::oid, l.objid::bigint::integer
  FROM pg_locks l
  LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND (l.classid = $1::bigint::oid AND l.objid < 16::oid
        OR l.classid = $2::bigint::oid
           AND (l.pid = pg_backend_pid() OR a.state_change IS NULL
                OR a.state_change > clock_timestamp() - interval '3 seconds'))
 ORDER BY 1, 2
