-- params: bigint user_id
-- result: boolean found
-- Whether rebuild_take_out has something to do, without a lock. After the commit of rebuild_take_in: whatever was taken in
-- and lost its reason meanwhile is seen by this or by the handler of the event that took the reason away.
SELECT EXISTS (
    SELECT FROM feed_items i
     WHERE i.user_id = $1
       AND (i.post_id < coalesce((SELECT h.post_id FROM feed_horizon h WHERE h.user_id = $1), 0)
            OR NOT EXISTS (SELECT FROM followees e WHERE e.follower_id = $1 AND e.followed_id = i.author_id)
            OR NOT EXISTS (SELECT FROM posts p
                            WHERE p.author_id = i.author_id AND p.id = i.post_id AND p.deleted_at IS NULL)
            OR EXISTS (SELECT FROM celebrity_posts c WHERE c.author_id = i.author_id AND c.id = i.post_id)))
