-- params: none
-- result: none
DELETE FROM outbox WHERE state = 2
