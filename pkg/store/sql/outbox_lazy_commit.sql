-- params: none
-- result: text synchronous_commit
-- This transaction's commit does not wait for the disk: should it be lost, what it removed is told once more.
SELECT set_config('synchronous_commit', 'off', true)
