-- params: bigint followed_id, bigint follower_id
-- result: none
COPY followers (followed_id, follower_id) FROM STDIN (FORMAT binary)
