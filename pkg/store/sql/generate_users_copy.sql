-- params: bigint id, text first_name, text second_name, date birthdate, text city, timestamptz created_at, bigint last_post_id, bigint follower_count, boolean is_celebrity
-- result: none
-- Without a password: nobody can log in as them.
COPY users (id, first_name, second_name, birthdate, city, created_at, last_post_id, follower_count, is_celebrity)
FROM STDIN (FORMAT binary)
