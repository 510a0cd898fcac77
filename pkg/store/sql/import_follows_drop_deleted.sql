-- params: none
-- result: none
DELETE FROM import_follows f
 USING users u
 WHERE u.id IN (f.follower_id, f.followed_id) AND u.deleted_at IS NOT NULL
