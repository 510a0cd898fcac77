-- params: text input, bigint bytes
-- result: text output
SELECT left($1, 1) || repeat('x', $2::integer - 1)
