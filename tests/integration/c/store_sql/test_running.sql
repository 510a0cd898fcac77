-- params: text application_name
-- result: integer pid
-- Backends of that name that run a statement.
SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'
