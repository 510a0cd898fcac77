-- params: bigint after_us, text after_id, integer most
-- result: text token_id, timestamptz until, timestamptz revoked_at, bigint revoked_us, bigint now_us
-- At most $3 revocations in the order in which they were made, from behind ($1, $2) on, and the time at which this was
-- asked. When there is none, one row has that time alone. Times that are compared are whole microseconds since 1970.
SELECT r.token_id, r.until, r.revoked_at,
       (extract(epoch FROM r.revoked_at) * 1000000)::bigint AS revoked_us,
       (extract(epoch FROM statement_timestamp()) * 1000000)::bigint AS now_us
  FROM (VALUES (1)) AS once (one)
  LEFT JOIN LATERAL (
       SELECT token_id, until, revoked_at
         FROM revocations
        WHERE (revoked_at, token_id) > (timestamptz 'epoch' + $1 * interval '1 microsecond', $2)
          AND until > statement_timestamp() - interval '1 minute'
        ORDER BY revoked_at, token_id
        LIMIT $3
  ) AS r ON true
 ORDER BY r.revoked_at, r.token_id
