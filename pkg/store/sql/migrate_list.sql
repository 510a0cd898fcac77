-- params: none
-- result: integer version, text name
SELECT version, name FROM schema_migrations ORDER BY version
