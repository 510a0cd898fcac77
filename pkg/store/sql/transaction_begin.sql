-- params: none
-- result: none
BEGIN
