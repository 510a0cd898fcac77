-- params: text first_name, text second_name, bigint after_id, integer how_many
-- result: bigint id, text first_name, text second_name, date birthdate, text biography, text city
-- Prefixes of both names in lower case, ids above $3, at most $4.
-- starts_with alone reaches the index only when the planner knows the prefix; the bounds reach it with a generic plan
-- too. chr(1114111) is the last code point: in the C collation nothing that continues the prefix sorts after it.
-- The bounds of the second name keep those who share only the first from being fetched.
SELECT id, first_name, second_name, birthdate, biography, city
  FROM users
 WHERE deleted_at IS NULL
   AND id > $3
   AND lower(first_name) COLLATE "C" >= lower($1) COLLATE "C"
   AND lower(first_name) COLLATE "C" <= (lower($1) || chr(1114111)) COLLATE "C"
   AND lower(second_name) COLLATE "C" >= lower($2) COLLATE "C"
   AND lower(second_name) COLLATE "C" <= (lower($2) || chr(1114111)) COLLATE "C"
   AND starts_with(lower(first_name) COLLATE "C", lower($1) COLLATE "C")
   AND starts_with(lower(second_name) COLLATE "C", lower($2) COLLATE "C")
 ORDER BY id
 LIMIT $4
