-- params: bigint[], integer
-- result: integer place, bigint user_id
-- Who follows these authors now: the first $2 of them all, author by author. Nobody for a celebrity, who is told of once
-- for all. Must run after the commit of the feed items: whoever is not seen here reads those.
SELECT e.place::integer, f.follower_id
  FROM unnest($1::bigint[]) WITH ORDINALITY AS e (author_id, place)
  JOIN followers f ON f.followed_id = e.author_id
 WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = e.author_id AND u.is_celebrity)
 ORDER BY e.place, f.follower_id
 LIMIT $2
