-- params: bigint user_id, bigint post_id
-- result: none
COPY feed_horizon (user_id, post_id) FROM STDIN (FORMAT binary)
