-- params: bigint[] author_ids, bigint[] post_ids, text[] bodies, smallint[] partitions, text[] request_ids, text[] traceparents, text[] keys, bytea[] request_hashes
-- result: boolean author_exists, boolean created, boolean late, bytea kept_hash, text kept_answer
-- post_create and post_create_once for many posts in one transaction: a row for each, in the order of the arrays, in which
-- the ids of an author rise. An empty request id, traceparent or key is none. Authors are locked in the order of their
-- ids, as by everybody who locks several; last_post_id is read with the lock, so it is the newest. A post is late if its author
-- has a later one. A post whose key was kept is answered with what was kept. If another request took the key while this one waited
-- for the author, if the key comes twice here, or if what was kept is older than 24 hours and still there, the post is
-- neither created nor late, and nothing kept is told: it is for post_create_once, whose snapshot is newer than its lock.
WITH given AS MATERIALIZED (
    SELECT *
      FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::bytea[])
           WITH ORDINALITY AS g (author_id, post_id, body, partition, request_id, traceparent, key, request_hash, place)
), locked AS MATERIALIZED (
    SELECT id, last_post_id
      FROM users
     WHERE id = ANY ($1) AND deleted_at IS NULL
     ORDER BY id
       FOR NO KEY UPDATE
), kept AS MATERIALIZED (
    SELECT g.place, i.body_hash, i.answer
      FROM given g
           -- The limit keeps the planner from joining with a day's keys instead.
     CROSS JOIN LATERAL (SELECT body_hash, answer
                           FROM idempotency
                          WHERE user_id = g.author_id AND key = g.key AND created_at > now() - interval '24 hours'
                          LIMIT 1) AS i
     WHERE g.key <> ''
), fitting AS MATERIALIZED (
    SELECT g.*
      FROM given g
      JOIN locked l ON l.id = g.author_id AND l.last_post_id < g.post_id
     WHERE NOT EXISTS (SELECT FROM kept k WHERE k.place = g.place)
), remembered AS (
    INSERT INTO idempotency (user_id, key, body_hash, answer)
    SELECT author_id, key, request_hash, post_id::text FROM fitting WHERE key <> '' ORDER BY place
        ON CONFLICT DO NOTHING
    RETURNING user_id, answer
), created AS MATERIALIZED (
    SELECT f.*
      FROM fitting f
     WHERE f.key = '' OR (f.author_id, f.post_id::text) IN (SELECT user_id, answer FROM remembered)
), moved AS (
    UPDATE users
       SET last_post_id = newest.post_id
      FROM (SELECT author_id, max(post_id) AS post_id FROM created GROUP BY author_id) AS newest
     WHERE id = newest.author_id
), written AS (
    INSERT INTO posts (author_id, id, body, created_at)
    SELECT author_id, post_id, body, clock_timestamp() FROM created ORDER BY place
), told AS (
    INSERT INTO outbox (author_id, partition, kind, subject_id, request_id, traceparent)
    SELECT author_id, partition, 1, post_id, nullif(request_id, ''), nullif(traceparent, '') FROM created ORDER BY place
)
SELECT l.id IS NOT NULL AS author_exists,
       c.place IS NOT NULL AS created,
       coalesce(l.last_post_id >= g.post_id, false) AS late,
       k.body_hash AS kept_hash,
       k.answer AS kept_answer
  FROM given g
  LEFT JOIN locked l ON l.id = g.author_id
  LEFT JOIN created c ON c.place = g.place
  LEFT JOIN kept k ON k.place = g.place
 ORDER BY g.place
