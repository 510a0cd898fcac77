-- params: none
-- result: none
-- All statements up to the end see the same snapshot.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY
