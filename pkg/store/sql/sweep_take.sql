-- params: bigint[] user_ids
-- result: none
-- Takes what says that these feeds have grown, in the transaction of their cut. Rows that come later stay.
DELETE FROM feed_grown WHERE user_id = ANY ($1::bigint[])
