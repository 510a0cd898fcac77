-- params: bigint[], bigint[], integer, integer
-- result: integer place, bigint user_id
-- Who is to be told live of these authors' events: the first $3 of them all, author by author. Of whoever follows the
-- author now, or of the one follower that $2 names (0: all), those who are online, counting a presence for $4 ms longer than
-- it says. The one row with user 0: the author is a celebrity, told of once for all. That it is decided here, with the
-- recipients, is what keeps a change of it from hiding an event from both.
-- Must run after the commit of the feed items: whoever is not seen online here reads those.
-- LIMIT in LATERAL keeps it one look at online's key for each follower, however many are online.
SELECT e.place::integer, r.user_id
  FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS e (author_id, follower_id, place)
  LEFT JOIN users u ON u.id = e.author_id
 CROSS JOIN LATERAL (
        SELECT 0::bigint AS user_id
         WHERE u.is_celebrity
         UNION ALL
        SELECT o.user_id
          FROM online o
         WHERE o.user_id = e.follower_id AND o.until > now() - $4 * interval '1 millisecond'
           AND u.is_celebrity IS NOT TRUE
         UNION ALL
        SELECT f.follower_id
          FROM followers f
         CROSS JOIN LATERAL (SELECT FROM online o
                              WHERE o.user_id = f.follower_id AND o.until > now() - $4 * interval '1 millisecond'
                              LIMIT 1) AS present
         WHERE f.followed_id = e.author_id AND e.follower_id = 0 AND u.is_celebrity IS NOT TRUE
       ) AS r
 ORDER BY e.place, r.user_id
 LIMIT $3
