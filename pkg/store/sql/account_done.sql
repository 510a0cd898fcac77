-- params: bigint user_id
-- result: none
WITH celebrity AS (
    DELETE FROM celebrities WHERE id = $1
), counts AS (
    DELETE FROM follower_delta WHERE user_id = $1
)
DELETE FROM departed WHERE id = $1
