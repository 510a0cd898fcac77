-- params: none
-- result: integer pid
SELECT pg_backend_pid()
