BEGIN;
INSERT INTO posts (author_id, id, body) VALUES (:author, :id, :text);
INSERT INTO evolution.feed SELECT follower_id, :id, :author FROM followers WHERE followed_id = :author;
COMMIT;
