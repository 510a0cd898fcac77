-- params: none
-- result: bigint id
-- The column becomes a bigint in the course of the test.
SELECT id FROM test_widened
