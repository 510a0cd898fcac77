-- params: text holder, integer lease_ms
-- result: smallint node, timestamptz start_after, timestamptz until, timestamptz now
-- Takes the smallest node number that nobody holds, for $2 ms.
WITH free AS MATERIALIZED (
    SELECT n::smallint AS node,
           coalesce((SELECT l.until FROM node_lease l WHERE l.node = n), '2025-01-01T00:00:00Z') AS ended
      FROM generate_series(0, 1023) AS n
     WHERE NOT EXISTS (SELECT FROM node_lease l WHERE l.node = n AND l.until > statement_timestamp())
     ORDER BY n
     LIMIT 1
), taken AS (
    INSERT INTO node_lease (node, holder, until)
    SELECT f.node, $1, statement_timestamp() + $2 * interval '1 ms' FROM free f
        ON CONFLICT (node) DO UPDATE SET holder = excluded.holder, until = excluded.until
    RETURNING node, until
)
SELECT t.node, f.ended AS start_after, t.until, clock_timestamp() AS now FROM taken t JOIN free f USING (node)
