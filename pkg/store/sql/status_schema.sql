-- params: none
-- result: bigint version
SELECT coalesce(max(version), 0)::bigint FROM schema_migrations
