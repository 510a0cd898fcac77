-- params: integer, integer
-- result: boolean joined
-- Makes this session a member of those who share the outbox, by a lock of its own number; it is one until it ends or leaves.
SELECT pg_try_advisory_lock($1, $2)
