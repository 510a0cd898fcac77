-- params: bigint exact_bytes_max
-- result: text name, bigint rows, boolean exact
-- Tables of up to $1 bytes, and those that were never analyzed, are counted; of larger ones the statistics tell about
-- how many rows there are.
WITH sizes AS MATERIALIZED (
    SELECT t.name, sum(greatest(c.reltuples, 0))::bigint AS estimate,
           sum(pg_relation_size(c.oid)) <= $1 OR bool_or(c.reltuples < 0 AND pg_relation_size(c.oid) > $1) AS exact
      FROM (VALUES ('users'), ('followees'), ('posts'), ('feed_items')) AS t (name),
           LATERAL (SELECT t.name::regclass AS oid
                     UNION
                    SELECT p.relid FROM pg_partition_tree(t.name::regclass) AS p) AS part
      JOIN pg_class c ON c.oid = part.oid
     WHERE c.relkind = 'r'
     GROUP BY t.name
)
SELECT 'users', CASE WHEN exact THEN (SELECT count(*) FROM users WHERE deleted_at IS NULL) ELSE estimate END, exact
  FROM sizes WHERE name = 'users'
UNION ALL
SELECT 'follows', CASE WHEN exact THEN (SELECT count(*) FROM followees) ELSE estimate END, exact
  FROM sizes WHERE name = 'followees'
UNION ALL
SELECT 'posts', CASE WHEN exact THEN (SELECT count(*) FROM posts WHERE deleted_at IS NULL) ELSE estimate END, exact
  FROM sizes WHERE name = 'posts'
UNION ALL
SELECT 'feed items', CASE WHEN exact THEN (SELECT count(*) FROM feed_items) ELSE estimate END, exact
  FROM sizes WHERE name = 'feed_items'
UNION ALL
SELECT 'celebrities', count(*), true FROM celebrities c JOIN users u USING (id) WHERE u.is_celebrity
UNION ALL
SELECT 'online', count(*), true FROM online WHERE until > now()
