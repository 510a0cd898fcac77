-- params: smallint node, text holder, integer skew_ms
-- result: none
-- The holder's clock may be ahead of ours by up to $3 ms, and so may its last id.
UPDATE node_lease SET until = least(until, clock_timestamp() + $3 * interval '1 ms') WHERE node = $1 AND holder = $2
