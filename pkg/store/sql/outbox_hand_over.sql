-- params: integer, integer
-- result: boolean done
-- Gives up the lock of one partition; false if this session did not hold it.
SELECT pg_advisory_unlock($1, $2)
