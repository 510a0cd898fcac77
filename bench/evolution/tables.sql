-- The tables of the steps before Freshet's own; posts, follows and celebrities are Freshet's, the same for all.
CREATE SCHEMA evolution;
CREATE TABLE evolution.feed (
    user_id   bigint NOT NULL,
    post_id   bigint NOT NULL,
    author_id bigint NOT NULL,
    PRIMARY KEY (user_id, post_id)
);
CREATE TABLE evolution.queue (
    post_id     bigint PRIMARY KEY,
    author_id   bigint NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
