-- params: bigint[] user_ids, bigint lasts_ms
-- result: bigint user_id, timestamptz since, timestamptz confirmed_at
-- These users, each named once, are online for $2 ms from now on. `since` stays while the row has not ended before it is
-- renewed: look-ups count a row for some time past its end, much longer than this statement may take, so none has missed
-- it then. Else it begins anew. Always in the order of the ids: two gateways that announce the same users wait for each
-- other instead of dying of it. `confirmed_at` is a time at which the row was there, never before `since`: cursors bear it.
INSERT INTO online AS o (user_id, since, until)
SELECT id, clock_timestamp(), clock_timestamp() + $2 * interval '1 ms'
  FROM unnest($1::bigint[]) AS id
 ORDER BY id
    ON CONFLICT (user_id) DO UPDATE
   SET since = CASE WHEN o.until > EXCLUDED.since THEN o.since ELSE EXCLUDED.since END,
       until = greatest(o.until, EXCLUDED.until)
RETURNING user_id, since, clock_timestamp()
