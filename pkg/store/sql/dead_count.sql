-- params: none
-- result: bigint dead
SELECT count(*) FROM outbox WHERE state = 2
