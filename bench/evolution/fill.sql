-- Feeds as they are when every post is written into them: those that are filled, and the celebrities' posts.
INSERT INTO evolution.feed
SELECT user_id, post_id, author_id FROM feed_items
 UNION
SELECT f.follower_id, cp.id, cp.author_id
  FROM celebrity_posts cp
  JOIN followers f ON f.followed_id = cp.author_id AND f.follower_id <= $1
 ORDER BY 1, 2
