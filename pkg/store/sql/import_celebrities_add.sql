-- params: none
-- result: none
INSERT INTO celebrities (id)
SELECT u.id
  FROM users u
 WHERE u.is_celebrity AND u.id IN (SELECT followed_id FROM import_edges)
 ORDER BY u.id
    ON CONFLICT DO NOTHING
