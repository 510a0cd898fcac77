-- params: bigint[] ids
-- result: bigint id, text first_name, text second_name, date birthdate, text biography, text city
-- These users, in this order; unknown ones are left out. LIMIT inside LATERAL keeps it a look-up for each id.
SELECT u.id, u.first_name, u.second_name, u.birthdate, u.biography, u.city
  FROM unnest($1::bigint[]) WITH ORDINALITY AS asked (id, place)
 CROSS JOIN LATERAL (SELECT * FROM users WHERE users.id = asked.id AND users.deleted_at IS NULL LIMIT 1) AS u
 ORDER BY asked.place
