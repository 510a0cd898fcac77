-- params: bigint most
-- result: bigint id
SELECT u.id
  FROM users u
 WHERE u.deleted_at IS NOT NULL
   AND u.id IN (SELECT follower_id FROM import_follows UNION SELECT followed_id FROM import_follows)
 ORDER BY u.id
 LIMIT $1
