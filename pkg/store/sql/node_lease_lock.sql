-- params: none
-- result: none
-- In the transaction of node_lease_acquire, before it: whoever asks second then sees what the first one took.
DO $$ BEGIN PERFORM pg_advisory_xact_lock(hashtext('freshet node_lease')); END $$
