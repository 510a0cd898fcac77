-- Range partitions of feed_items, a week of post ids each, made ahead; one for all ids before the first week.
-- Called by `freshetctl migrate` and by the materializer, any number of times.

CREATE FUNCTION snowflake_floor(at timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT AS $$
    -- the smallest post id of that millisecond; the epoch is 2025-01-01T00:00:00Z
    SELECT (floor(extract(epoch FROM at) * 1000)::bigint - 1735689600000) << 22
$$;

-- UTC within: in a zone with summer time a day is not always 24 hours, and weeks would not meet.
CREATE FUNCTION feed_items_make_partitions(until timestamptz) RETURNS integer
LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
    week timestamptz;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('feed_items_make_partitions'));
    SELECT max(to_date(right(c.relname, 8), 'YYYYMMDD')) + 7
      INTO week
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'feed_items'::regclass AND c.relname ~ '^feed_items_\d{8}$';
    IF week IS NULL THEN
        week := date_trunc('week', now());
        EXECUTE format('CREATE TABLE feed_items_past PARTITION OF feed_items FOR VALUES FROM (MINVALUE) TO (%s)',
                       snowflake_floor(week));
    END IF;
    WHILE week < until LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF feed_items FOR VALUES FROM (%s) TO (%s)',
                       'feed_items_' || to_char(week, 'YYYYMMDD'),
                       snowflake_floor(week), snowflake_floor(week + interval '7 days'));
        made := made + 1;
        week := week + interval '7 days';
    END LOOP;
    RETURN made;
END
$$;
