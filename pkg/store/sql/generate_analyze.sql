-- params: none
-- result: none
ANALYZE users, followers, followees, posts, celebrities, celebrity_posts, feed_items, feed_horizon
