-- params: bigint[] users, bigint[] authors, bigint[] posts
-- result: none
-- Takes out items that nothing justifies, and those whose post pages merge from celebrity_posts. An event that is still to
-- take one of them out will find it gone. Under the lock of audit_lock_users.
DELETE FROM feed_items i
 USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS s (user_id, author_id, post_id)
 WHERE i.user_id = s.user_id AND i.post_id = s.post_id AND i.author_id = s.author_id
   AND (NOT EXISTS (SELECT FROM users u WHERE u.id = i.user_id AND u.deleted_at IS NULL)
        OR NOT EXISTS (SELECT FROM followees e WHERE e.follower_id = i.user_id AND e.followed_id = i.author_id)
        OR NOT EXISTS (SELECT FROM posts p
                        WHERE p.author_id = i.author_id AND p.id = i.post_id AND p.deleted_at IS NULL)
        OR EXISTS (SELECT FROM celebrity_posts c WHERE c.author_id = i.author_id AND c.id = i.post_id))
