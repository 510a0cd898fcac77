INSERT INTO posts (author_id, id, body) VALUES (:author, :id, :text);
