-- params: none
-- result: none
-- Everybody whom the file names and who is not there. They have no password: nobody can log in as them.
INSERT INTO users (id, first_name, second_name)
SELECT named.id, 'User', named.id::text
  FROM (SELECT follower_id AS id FROM import_follows UNION SELECT followed_id FROM import_follows) AS named
 WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = named.id)
 ORDER BY named.id
    ON CONFLICT DO NOTHING
