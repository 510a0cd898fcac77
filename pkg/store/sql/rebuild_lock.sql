-- params: bigint user_id
-- result: none
-- From here to the commit nobody else moves the horizon of $1: not a follow, not the sweep. The row is made if there is
-- none; rebuild_take_in and rebuild_take_out take it away if it says nothing.
INSERT INTO feed_horizon AS h (user_id, post_id)
SELECT u.id, 0 FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL
    ON CONFLICT (user_id) DO UPDATE SET post_id = h.post_id
