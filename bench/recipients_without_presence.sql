-- The statement of pkg/store/sql/fanout_recipients.sql as it would be if everybody were told: the baseline of the price of
-- the look-up in `online`.
SELECT e.place::integer, r.user_id
  FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS e (author_id, follower_id, place)
  LEFT JOIN users u ON u.id = e.author_id
 CROSS JOIN LATERAL (
        SELECT 0::bigint AS user_id
         WHERE u.is_celebrity
         UNION ALL
        SELECT e.follower_id
         WHERE e.follower_id <> 0 AND u.is_celebrity IS NOT TRUE
         UNION ALL
        SELECT f.follower_id
          FROM followers f
         WHERE f.followed_id = e.author_id AND e.follower_id = 0 AND u.is_celebrity IS NOT TRUE
       ) AS r
 ORDER BY e.place, r.user_id
 LIMIT $3
