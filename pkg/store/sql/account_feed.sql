-- params: bigint user_id, bigint most
-- result: bigint items
-- Takes $2 more items out of the feed of $1.
WITH slice AS (
    SELECT post_id
      FROM feed_items
     WHERE user_id = $1
     ORDER BY post_id
     LIMIT $2
), gone AS (
    DELETE FROM feed_items i
     USING slice
     WHERE i.user_id = $1 AND i.post_id = slice.post_id
    RETURNING i.post_id
)
SELECT count(*) FROM gone
