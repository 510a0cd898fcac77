-- params: none
-- result: integer one
-- Answers when the database does.
SELECT 1;
