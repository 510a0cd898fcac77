-- params: none
-- result: none
INSERT INTO followers (followed_id, follower_id)
SELECT followed_id, follower_id FROM import_follows ORDER BY 1, 2
