-- params: bigint from_user_id, integer rows, integer enough
-- result: bigint[] user_ids, bigint next_user_id
-- Looks at the first $2 rows of feed_grown from user $1 on: who has $3 of them or more, and where to go on (null: nowhere).
-- The user at whom the slice was cut off comes again, whole; one with more rows than a slice has enough of them anyway.
WITH slice AS MATERIALIZED (
    SELECT user_id
      FROM feed_grown
     WHERE user_id >= $1
     ORDER BY user_id
     LIMIT $2
)
SELECT coalesce((SELECT array_agg(user_id ORDER BY user_id)
                   FROM (SELECT user_id FROM slice GROUP BY user_id HAVING count(*) >= $3) AS due), '{}'),
       CASE WHEN count(*) = $2 THEN greatest(max(user_id), $1 + 1) END
  FROM slice
