-- params: none
-- result: none
ANALYZE import_edges
