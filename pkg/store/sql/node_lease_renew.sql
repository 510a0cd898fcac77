-- params: smallint node, text holder, integer lease_ms
-- result: timestamptz until, timestamptz now
-- Only while the lease has not ended: afterwards another process may have had the number in between.
UPDATE node_lease SET until = clock_timestamp() + $3 * interval '1 ms'
 WHERE node = $1 AND holder = $2 AND until > clock_timestamp()
RETURNING until, clock_timestamp() AS now
