-- params: none
-- result: bigint waiting
-- Sessions of this database that wait for an advisory lock.
SELECT count(*) FROM pg_locks
 WHERE locktype = 'advisory' AND NOT granted
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
