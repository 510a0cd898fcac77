-- params: bigint ms
-- result: integer one
SELECT 1 FROM pg_sleep($1 / 1000.0)
