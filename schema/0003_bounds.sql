-- What bounds the feeds, and accounts that are being taken apart.

-- Feed items of a user are complete above this post id; below it pages pull from the followed authors' posts. No row: from
-- the first post on. It only rises: by the cap, by a follow whose backfill left older posts out, by a rebuild.
CREATE TABLE feed_horizon (
    user_id bigint PRIMARY KEY,
    post_id bigint NOT NULL
) WITH (fillfactor = 70);

-- The same for everybody: the lower end of the oldest range partition that is kept. One row; a reference table on Citus.
CREATE TABLE feed_floor (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    post_id bigint NOT NULL
);
INSERT INTO feed_floor (post_id) VALUES (0);

-- Append-only: users whose feeds have grown, one row for about every 64 items. The sweep takes them out and looks whether
-- the feed is over the cap, so that no other feed is touched.
CREATE TABLE feed_grown (
    user_id bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX feed_grown_user ON feed_grown (user_id);

-- Deleted accounts whose posts and follows are still being taken out: pages leave out what these wrote. Small; a reference
-- table on Citus. A row stays some minutes after everything is out, for a last look: a follow that began before the
-- account's end may have been committed after it.
CREATE TABLE departed (
    id         bigint PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    emptied_at timestamptz
);

-- outbox.kind, from here on: 6 flip (the author's followers crossed the celebrity threshold), 7 account deleted. The
-- subject of both is the author.
-- Flips wait for a quiet moment of their author: few, looked for once a second.
CREATE INDEX outbox_flips ON outbox (partition, event_id) WHERE kind = 6;

-- What housekeeping looks for.
CREATE INDEX idempotency_created ON idempotency (created_at);
CREATE INDEX revocations_until ON revocations (until);

-- Drops the oldest partition of feed_items if all of its post ids are below `before`, and raises feed_floor to its upper
-- end: in one transaction, so that whoever inserts or reads sees both or neither. False: there is none. Nobody may use
-- feed_items while a part of it goes, and whoever comes while this waits for its turn waits behind it: so it waits for
-- `patience_ms` at most, and fails then (55P03). The partition's own lock is not waited for at all.
CREATE FUNCTION feed_items_drop_oldest(before bigint, patience_ms integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    oldest record;
BEGIN
    SELECT c.oid::regclass AS name,
           (regexp_match(pg_get_expr(c.relpartbound, c.oid), $bound$ TO \('(-?\d+)'\)$bound$))[1]::bigint AS upper
      INTO oldest
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'feed_items'::regclass
     ORDER BY upper
     LIMIT 1;
    IF oldest.upper IS NULL OR oldest.upper > least(before, snowflake_floor(now())) THEN
        RETURN false;
    END IF;
    PERFORM set_config('lock_timeout', patience_ms || 'ms', true);
    LOCK TABLE feed_items IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE NOWAIT', oldest.name);
    UPDATE feed_floor SET post_id = greatest(post_id, oldest.upper);
    EXECUTE format('DROP TABLE %s', oldest.name);
    RETURN true;
END
$$;
