-- params: none
-- result: none
UPDATE outbox SET state = 0, tries = 0 WHERE state = 2
