-- params: bigint user_id
-- result: none
-- Nothing of $1 is left but its row, which keeps the id taken and says nothing of the person.
WITH scrubbed AS (
    UPDATE users
       SET first_name = '', second_name = '', birthdate = NULL, biography = '', city = '', password_hash = NULL,
           follower_count = 0, is_celebrity = false
     WHERE id = $1 AND deleted_at IS NOT NULL
), counts AS (
    DELETE FROM follower_delta WHERE user_id = $1
), horizon AS (
    DELETE FROM feed_horizon WHERE user_id = $1
), grown AS (
    DELETE FROM feed_grown WHERE user_id = $1
)
UPDATE departed SET emptied_at = clock_timestamp() WHERE id = $1
