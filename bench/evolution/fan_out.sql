INSERT INTO evolution.feed SELECT follower_id, $1, $2 FROM followers WHERE followed_id = $2
