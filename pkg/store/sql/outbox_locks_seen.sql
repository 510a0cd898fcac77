-- params: integer
-- result: smallint partition
-- Author partitions that somebody holds; $1 is the class of their advisory locks.
SELECT objid::bigint::smallint
  FROM pg_locks
 WHERE locktype = 'advisory' AND classid = $1::bigint::oid AND objsubid = 2 AND granted
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND objid < 16::oid
