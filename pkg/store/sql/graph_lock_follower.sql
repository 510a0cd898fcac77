-- params: bigint follower_id
-- result: bigint id
-- Follows and unfollows of one person happen one after the other: that makes the limit exact, and the events of an
-- edge come in the order of its changes. The statement that follows in the transaction has a snapshot of its own, so
-- it sees what the previous holder of this lock did.
SELECT id
  FROM users
 WHERE id = $1 AND deleted_at IS NULL
   FOR NO KEY UPDATE
