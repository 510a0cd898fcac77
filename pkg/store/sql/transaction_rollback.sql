-- params: none
-- result: none
ROLLBACK
