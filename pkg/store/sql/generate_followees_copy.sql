-- params: bigint follower_id, bigint followed_id, timestamptz created_at
-- result: none
COPY followees (follower_id, followed_id, created_at) FROM STDIN (FORMAT binary)
