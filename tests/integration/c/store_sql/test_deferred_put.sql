-- params: bigint id
-- result: none
-- The constraint is checked by the commit.
INSERT INTO test_deferred (id) VALUES ($1)
