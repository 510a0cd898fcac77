-- params: none
-- result: text name, text bound
SELECT c.relname::text, pg_get_expr(c.relpartbound, c.oid)
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'feed_items'::regclass ORDER BY 1
