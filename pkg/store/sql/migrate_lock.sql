-- params: none
-- result: none
-- Held by the session over all migrations; the number is any that nothing else uses.
DO $$ BEGIN PERFORM pg_advisory_lock(7021849250368119110); END $$
