-- params: integer, smallint[]
-- result: smallint partition
-- Tries the advisory locks of these partitions, never waiting; returns those that this session got.
SELECT p FROM unnest($2::smallint[]) AS p WHERE pg_try_advisory_lock($1, p::integer)
