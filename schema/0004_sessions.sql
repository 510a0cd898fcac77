-- What the gateways need to know of each other's clients: revoked tokens, used tickets, answers to keep, pages that changed.

-- Gateways ask for what is new since they asked last. A row with the token id `user:<id>` revokes every token of that user
-- that was issued before revoked_at.
ALTER TABLE revocations ADD COLUMN revoked_at timestamptz NOT NULL DEFAULT clock_timestamp();
CREATE INDEX revocations_revoked_at ON revocations (revoked_at, token_id);

-- A ticket is good once: whoever inserts its row may use it.
CREATE TABLE used_tickets (
    ticket_id text PRIMARY KEY,
    until     timestamptz NOT NULL                  -- the ticket's own end; the row is of no use afterwards
);
CREATE INDEX used_tickets_until ON used_tickets (until);

-- What may make a page wrong that a gateway keeps ready: written in the transaction of the change. A gateway asks, before it
-- shows such a page, for what has become visible since it asked last, by comparing snapshots: so a page is never older than
-- the request for it.
--   kind: 1 post edited or deleted (author, post); 2 follow or unfollow, or posts brought into a feed other than by their
--         own fan-out (followed or 0, follower); 3 account deleted (user, 0); 4 whatever: every kept page is void (0, 0)
CREATE TABLE page_changes (
    author_id  bigint NOT NULL,
    subject_id bigint NOT NULL,
    kind       smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
    changed_by xid8 NOT NULL DEFAULT pg_current_xact_id(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX page_changes_changed_by ON page_changes (changed_by);
CREATE INDEX page_changes_changed_at ON page_changes (changed_at);
