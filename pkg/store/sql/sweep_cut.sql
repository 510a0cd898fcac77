-- params: bigint[] user_ids
-- result: none
-- Takes out what lies below the horizons of these users, whose rows the transaction holds. An item that comes in below the
-- horizon later does no harm: pages do not look at it, and the next cut takes it along.
DELETE FROM feed_items i
 USING feed_horizon h
 WHERE h.user_id = ANY ($1::bigint[])
   AND i.user_id = h.user_id AND i.post_id < h.post_id
