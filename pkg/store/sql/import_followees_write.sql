-- params: none
-- result: none
INSERT INTO followees (follower_id, followed_id)
SELECT follower_id, followed_id FROM import_follows ORDER BY 1, 2
