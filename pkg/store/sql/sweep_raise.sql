-- params: bigint[] user_ids, integer cap
-- result: bigint user_id
-- Whose feed has more than $2 items: its horizon rises to the oldest of the newest $2. Sorted, as a backfill raises them.
INSERT INTO feed_horizon AS h (user_id, post_id)
SELECT u.user_id, edge.oldest
  FROM unnest($1::bigint[]) AS u (user_id)
 CROSS JOIN LATERAL (SELECT max(post_id) AS oldest, count(*) AS items
                       FROM (SELECT i.post_id
                               FROM feed_items i
                              WHERE i.user_id = u.user_id
                              ORDER BY i.post_id DESC
                             OFFSET $2 - 1
                              LIMIT 2) AS last) AS edge
 WHERE edge.items = 2
 ORDER BY u.user_id
    ON CONFLICT (user_id) DO UPDATE SET post_id = greatest(h.post_id, excluded.post_id)
RETURNING h.user_id
