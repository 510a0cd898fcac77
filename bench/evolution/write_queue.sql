BEGIN;
INSERT INTO posts (author_id, id, body) VALUES (:author, :id, :text);
INSERT INTO evolution.queue (post_id, author_id) VALUES (:id, :author);
COMMIT;
