-- params: bigint author_id, bigint id, text body, smallint partition
-- result: none
COPY import_posts (author_id, id, body, partition) FROM STDIN (FORMAT binary)
