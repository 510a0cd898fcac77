-- params: bigint after, integer most
-- result: bigint id
-- The next $2 users after $1, deleted ones too: nothing may be left of those.
SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT $2
