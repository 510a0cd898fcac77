-- params: text timeout
-- result: text lock_timeout
-- In this transaction no lock is waited for longer than $1. Handlers write items before they lock users, repairs the other
-- way round: in a ring of the two this side gives up first, if $1 is shorter than deadlock_timeout.
SELECT set_config('lock_timeout', $1, true)
