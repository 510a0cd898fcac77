-- params: bigint[] user_ids
-- result: none
-- Takes out what lies below the horizons of these users, whose rows the transaction holds. Items that somebody else is
-- taking out just now are left to him, so this waits for nobody. An item that comes in below the horizon later does no
-- harm: pages do not look at it, and the next cut takes it along.
DELETE FROM feed_items i
 USING (SELECT old.user_id, old.post_id
          FROM unnest($1::bigint[]) AS u (user_id)
          JOIN feed_horizon h ON h.user_id = u.user_id
         CROSS JOIN LATERAL (SELECT l.user_id, l.post_id
                               FROM feed_items l
                              WHERE l.user_id = h.user_id AND l.post_id < h.post_id
                                FOR UPDATE SKIP LOCKED) AS old) AS cut
 WHERE i.user_id = cut.user_id AND i.post_id = cut.post_id
