-- params: bigint id, bigint caller_id
-- result: bigint id, text first_name, text second_name, date birthdate, text biography, text city, bigint follower_count, bigint following_count, boolean celebrity, boolean followed
-- User $1 and how $2 (0: nobody) stands to him. Followers are what is counted and what is still to be folded, which are of one
-- snapshot; accounts that ended are left out although their follows may still be there, as in lists and pages: few are just
-- being taken apart, so each of them is looked up. What one follows is bounded, and counted.
SELECT u.id, u.first_name, u.second_name, u.birthdate, u.biography, u.city,
       u.follower_count
       + (SELECT coalesce(sum(d.delta), 0) FROM follower_delta d WHERE d.user_id = $1)
       - (SELECT count(*)
            FROM departed d
           CROSS JOIN LATERAL (SELECT FROM followers f
                                WHERE f.followed_id = $1 AND f.follower_id = d.id
                                LIMIT 1) AS edge) AS follower_count,
       (SELECT count(*)
          FROM followees f
         WHERE f.follower_id = $1 AND NOT EXISTS (SELECT FROM departed d WHERE d.id = f.followed_id)) AS following_count,
       u.is_celebrity AS celebrity,
       EXISTS (SELECT FROM followers f WHERE f.followed_id = $1 AND f.follower_id = $2) AS followed
  FROM users u
 WHERE u.id = $1 AND u.deleted_at IS NULL
