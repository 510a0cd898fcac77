-- params: none
-- result: none
UPDATE users u
   SET last_post_id = newest.id
  FROM (SELECT author_id, max(id) AS id FROM import_posts GROUP BY author_id) AS newest
 WHERE u.id = newest.author_id
