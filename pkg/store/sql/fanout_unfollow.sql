-- params: bigint, bigint
-- result: none
-- If user $2 does not follow author $1 now: that author's posts, deleted ones too, out of that user's feed. If the user
-- follows again, the deleted ones only: a deletion that was handled in between passed over this user, who was no follower
-- then. By the ids of the posts: there is no index on the author (measured: 7-10k/s by ids, 0.7k/s by author).
DELETE FROM feed_items
 WHERE user_id = $2
   AND post_id IN (SELECT p.id
                     FROM posts p
                    WHERE p.author_id = $1
                      AND (p.deleted_at IS NOT NULL
                           OR NOT EXISTS (SELECT FROM followers f WHERE f.followed_id = $1 AND f.follower_id = $2)))
