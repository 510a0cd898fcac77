-- params: bigint user_id, bigint after_id, integer how_many
-- result: bigint id, text first_name, text second_name, date birthdate, text biography, text city
-- Whom $1 follows: ids above $2, at most $3; as user_followers.
SELECT u.id, u.first_name, u.second_name, u.birthdate, u.biography, u.city
  FROM followees f
 CROSS JOIN LATERAL (SELECT * FROM users WHERE users.id = f.followed_id AND users.deleted_at IS NULL LIMIT 1) AS u
 WHERE f.follower_id = $1 AND f.followed_id > $2
 ORDER BY f.followed_id
 LIMIT $3
