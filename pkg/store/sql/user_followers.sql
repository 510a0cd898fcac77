-- params: bigint user_id, bigint after_id, integer how_many
-- result: bigint id, text first_name, text second_name, date birthdate, text biography, text city
-- Who follows $1: ids above $2, at most $3. LIMIT inside LATERAL keeps the join a nested loop in the order of the ids: no
-- more is read than is shown, however many there are.
SELECT u.id, u.first_name, u.second_name, u.birthdate, u.biography, u.city
  FROM followers f
 CROSS JOIN LATERAL (SELECT * FROM users WHERE users.id = f.follower_id AND users.deleted_at IS NULL LIMIT 1) AS u
 WHERE f.followed_id = $1 AND f.follower_id > $2
 ORDER BY f.follower_id
 LIMIT $3
