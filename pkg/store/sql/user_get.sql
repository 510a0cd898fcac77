-- params: bigint id
-- result: bigint id, text first_name, text second_name, date birthdate, text biography, text city
SELECT id, first_name, second_name, birthdate, biography, city
  FROM users
 WHERE id = $1 AND deleted_at IS NULL
