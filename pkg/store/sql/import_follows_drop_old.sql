-- params: none
-- result: none
-- What is left is new, and stays so: the followers' rows are locked.
DELETE FROM import_follows f
 USING followees e
 WHERE e.follower_id = f.follower_id AND e.followed_id = f.followed_id
