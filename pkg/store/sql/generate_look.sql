-- params: none
-- result: boolean empty, bigint feed_floor
-- Whether nothing of what is generated is there yet, and the id below which feed items have no partition any more.
SELECT NOT (EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM posts) OR EXISTS (SELECT FROM followees)
            OR EXISTS (SELECT FROM followers) OR EXISTS (SELECT FROM feed_items) OR EXISTS (SELECT FROM celebrities)
            OR EXISTS (SELECT FROM feed_horizon) OR EXISTS (SELECT FROM outbox)) AS empty,
       (SELECT coalesce(max(post_id), 0) FROM feed_floor) AS feed_floor
