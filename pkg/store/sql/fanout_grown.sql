-- params: bigint[] author_ids
-- result: none
-- One row for each follower of these authors, once for each time that the author is named: their posts are the sample by
-- which feeds are known to have grown.
INSERT INTO feed_grown (user_id)
SELECT f.follower_id
  FROM unnest($1::bigint[]) AS e (author_id)
  JOIN followers f ON f.followed_id = e.author_id
