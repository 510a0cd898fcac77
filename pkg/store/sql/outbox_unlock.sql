-- params: none
-- result: bigint done
SELECT count(*) FROM pg_advisory_unlock_all()
