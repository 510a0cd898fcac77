-- params: bigint after, bigint upto, integer most
-- result: bigint user_id, bigint author_id, bigint post_id
-- Suspects: items of users who do not exist, with ids above $1 and up to $2. The first $3.
SELECT i.user_id, i.author_id, i.post_id
  FROM feed_items i
 WHERE i.user_id > $1 AND i.user_id <= $2
   AND NOT EXISTS (SELECT FROM users u WHERE u.id = i.user_id)
 ORDER BY 1, 3
 LIMIT $3
