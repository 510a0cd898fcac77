-- params: bigint[] authors
-- result: none
-- What is counted and what is still to be folded make the number of followers, all of one snapshot. Under the lock of
-- audit_lock_users, taken before: folds add to what is written here.
UPDATE users u
   SET follower_count = (SELECT count(*) FROM followers f WHERE f.followed_id = u.id)
                      - coalesce((SELECT sum(d.delta) FROM follower_delta d WHERE d.user_id = u.id), 0)
 WHERE u.id = ANY ($1) AND u.deleted_at IS NULL
