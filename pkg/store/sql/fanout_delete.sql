-- params: bigint, bigint
-- result: none
-- The items of author $1's post $2. Items of former followers go with their unfollow. A celebrity's post has none, and
-- followers in their millions need not be looked at; runs before fanout_delete_celebrity.
DELETE FROM feed_items
 WHERE post_id = $2
   AND user_id IN (SELECT f.follower_id FROM followers f WHERE f.followed_id = $1)
   AND EXISTS (SELECT FROM posts p WHERE p.author_id = $1 AND p.id = $2 AND p.deleted_at IS NOT NULL)
   AND NOT EXISTS (SELECT FROM celebrity_posts c WHERE c.author_id = $1 AND c.id = $2)
