-- params: bigint user_id
-- result: bigint items
-- Takes out of the feed of $1 what does not belong there: posts of people whom $1 does not follow, deleted ones, those that
-- pages merge from celebrity_posts, and what lies below the horizon. The transaction holds the user's row, so no follow
-- can begin meanwhile and no item that one brings in is taken for one of these. What others are taking out is left to them.
WITH extra AS MATERIALIZED (
    SELECT i.post_id
      FROM feed_items i
     WHERE i.user_id = $1
       AND (i.post_id < coalesce((SELECT h.post_id FROM feed_horizon h WHERE h.user_id = $1), 0)
            OR NOT EXISTS (SELECT FROM followees e WHERE e.follower_id = $1 AND e.followed_id = i.author_id)
            OR NOT EXISTS (SELECT FROM posts p
                            WHERE p.author_id = i.author_id AND p.id = i.post_id AND p.deleted_at IS NULL)
            OR EXISTS (SELECT FROM celebrity_posts c WHERE c.author_id = i.author_id AND c.id = i.post_id))
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM feed_items i
     USING extra
     WHERE i.user_id = $1 AND i.post_id = extra.post_id
    RETURNING i.post_id
), none AS (
    DELETE FROM feed_horizon h WHERE h.user_id = $1 AND h.post_id = 0
)
SELECT count(*) FROM gone
