-- params: bigint, bigint, integer
-- result: boolean is_celebrity
-- Author $1 becomes a celebrity or ceases to be one, if the followers counted now still ask for it; $2 and $3 as in
-- fanout_fold. Returns what the author is, if that has changed.
UPDATE users u
   SET is_celebrity = NOT u.is_celebrity
 WHERE u.id = $1 AND u.deleted_at IS NULL
   AND CASE WHEN u.is_celebrity THEN u.follower_count * 100 < $2 * $3 ELSE u.follower_count > $2 END
RETURNING u.is_celebrity
