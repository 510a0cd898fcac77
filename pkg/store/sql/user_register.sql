-- params: bigint id, text first_name, text second_name, date birthdate, text biography, text city, text password_hash
-- result: none
INSERT INTO users (id, first_name, second_name, birthdate, biography, city, password_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7)
