-- params: bigint follower_id, bigint followed_id
-- result: none
COPY import_edges (follower_id, followed_id) FROM STDIN (FORMAT binary)
