-- params: none
-- result: boolean unlocked
SELECT pg_advisory_unlock(7021849250368119110)
