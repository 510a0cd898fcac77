-- params: bigint author_id, bigint id
-- result: none
COPY celebrity_posts (author_id, id) FROM STDIN (FORMAT binary)
