-- params: bigint[] user_ids, bigint lasts_ms
-- result: bigint user_id, timestamptz since
-- These users, each named once, are online for $2 ms from now on. `since` stays while the row has not ended before it is
-- renewed: look-ups count a row for some time past its end, so none has missed it then. Else it begins anew. The judgement
-- is made with the row locked, by the clock of that moment. Always in the order of the ids: two gateways that announce the
-- same users wait for each other instead of dying of it.
INSERT INTO online AS o (user_id, since, until)
SELECT id, clock_timestamp(), clock_timestamp() + $2 * interval '1 ms'
  FROM unnest($1::bigint[]) AS id
 ORDER BY id
    ON CONFLICT (user_id) DO UPDATE
   SET since = CASE WHEN o.until > clock_timestamp() THEN o.since ELSE clock_timestamp() END,
       until = greatest(o.until, clock_timestamp() + $2 * interval '1 ms')
RETURNING user_id, since
