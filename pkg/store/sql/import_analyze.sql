-- params: none
-- result: none
ANALYZE users, followers, followees, posts
