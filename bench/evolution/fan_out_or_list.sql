-- A celebrity's post is listed once; others go to their followers.
WITH celebrity AS (
    INSERT INTO celebrity_posts (author_id, id) SELECT id, $1 FROM celebrities WHERE id = $2 RETURNING author_id
)
INSERT INTO evolution.feed
SELECT follower_id, $1, $2 FROM followers WHERE followed_id = $2 AND NOT EXISTS (SELECT FROM celebrity)
