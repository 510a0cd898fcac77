-- params: none
-- result: none
INSERT INTO posts (author_id, id, body)
SELECT author_id, id, body FROM import_posts ORDER BY author_id, id
