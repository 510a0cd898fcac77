-- params: bigint retention_ms, integer patience_ms
-- result: boolean dropped
-- Drops the oldest partition of feed_items if all of it is older than $1, waiting for its lock for $2 at most.
SELECT feed_items_drop_oldest(snowflake_floor(now() - $1 * interval '1 ms'), $2)
