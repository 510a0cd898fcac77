-- params: bigint user_id, bigint post_id, bigint author_id
-- result: none
COPY feed_items (user_id, post_id, author_id) FROM STDIN (FORMAT binary)
