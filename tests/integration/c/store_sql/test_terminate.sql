-- params: integer pid
-- result: boolean done
SELECT pg_terminate_backend($1)
