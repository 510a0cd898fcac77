-- params: bigint author_id, bigint most
-- result: bigint[] follower_ids
-- Takes $2 more followers off $1. Its posts are deleted by now, and their items gone.
WITH slice AS (
    SELECT follower_id
      FROM followers
     WHERE followed_id = $1
     ORDER BY follower_id
     LIMIT $2
), forward AS (
    DELETE FROM followers f
     USING slice
     WHERE f.followed_id = $1 AND f.follower_id = slice.follower_id
), backward AS (
    DELETE FROM followees f
     USING slice
     WHERE f.follower_id = slice.follower_id AND f.followed_id = $1
)
SELECT coalesce(array_agg(follower_id ORDER BY follower_id), '{}') FROM slice
