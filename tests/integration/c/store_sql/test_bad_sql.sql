-- params: none
-- result: none
SELECT FROM a_table_that_is_not_there
