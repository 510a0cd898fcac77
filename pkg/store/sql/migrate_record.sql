-- params: integer version, text name
-- result: none
INSERT INTO schema_migrations (version, name) VALUES ($1, $2)
