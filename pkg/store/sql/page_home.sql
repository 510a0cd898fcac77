-- params: bigint user_id, bigint before_id, integer skip, integer how_many
-- result: bigint id, bigint author_id, text body, integer revision, timestamptz created_at, timestamptz edited_at
-- The home feed of $1, newest first: posts below id $2, skipping $3, at most $4.
-- From the user's horizon upwards it is the merge of feed items and posts of followed celebrities; below, where feed items
-- need not be complete, it is pulled from the posts of everybody followed, and only if the part above leaves room.
-- All sources join followees and look at deleted_at and departed, so an unfollow, a delete or the end of an account shows
-- at once, whatever rows are still there. LIMIT inside LATERAL keeps these joins nested loops in the order of the ids: a
-- slice reads no further than it must, also when the plan is made without knowing the parameters.
-- What keeps the merge cheap is the bound below which no celebrity's post can be on the page: the oldest of a full
-- slice of feed items, or the lower end of a window that holds a slice of celebrities' posts already. That window grows
-- fourfold, from the newest post and a minute backwards, so few more posts are looked at than are asked for. The pull
-- finds its bound in the same way.
WITH RECURSIVE horizon AS MATERIALIZED (
    SELECT greatest(coalesce((SELECT h.post_id FROM feed_horizon h WHERE h.user_id = $1), 0),
                    coalesce((SELECT f.post_id FROM feed_floor f), 0)) AS post_id
), items AS MATERIALIZED (
    SELECT i.post_id, i.author_id
      FROM feed_items i
     CROSS JOIN LATERAL (SELECT FROM followees e
                          WHERE e.follower_id = $1 AND e.followed_id = i.author_id
                            AND NOT EXISTS (SELECT FROM departed d WHERE d.id = e.followed_id)
                          LIMIT 1) AS edge
     CROSS JOIN LATERAL (SELECT FROM posts p
                          WHERE p.author_id = i.author_id AND p.id = i.post_id AND p.deleted_at IS NULL
                          LIMIT 1) AS alive
     WHERE i.user_id = $1 AND i.post_id < $2 AND i.post_id >= (SELECT post_id FROM horizon)
     ORDER BY i.post_id DESC
     LIMIT $3 + $4
), slice AS MATERIALIZED (
    SELECT coalesce((SELECT min(post_id) FROM items HAVING count(*) = $3 + $4), horizon.post_id) AS oldest
      FROM horizon
), authors AS MATERIALIZED (
    SELECT e.followed_id AS author_id, newest.id AS newest_id
      FROM slice
     CROSS JOIN followees e
      JOIN celebrities ON celebrities.id = e.followed_id
     CROSS JOIN LATERAL (SELECT cp.id
                           FROM celebrity_posts cp
                          WHERE cp.author_id = e.followed_id AND cp.id < $2 AND cp.id >= slice.oldest
                          ORDER BY cp.id DESC
                          LIMIT 1) AS newest
     WHERE e.follower_id = $1 AND NOT EXISTS (SELECT FROM departed d WHERE d.id = e.followed_id)
), windows (low, width, found) AS (
    SELECT max(newest_id) + 1, 65536::bigint << 22, 0::bigint
      FROM authors
     UNION ALL
    SELECT w.low - w.width, least(w.width, 1::bigint << 60) * 4, w.found + counted.posts
      FROM windows w
     CROSS JOIN slice
     CROSS JOIN LATERAL (SELECT count(*) AS posts
                           FROM authors a
                          CROSS JOIN LATERAL (SELECT FROM celebrity_posts cp
                                               CROSS JOIN LATERAL (SELECT FROM posts p
                                                                    WHERE p.author_id = cp.author_id AND p.id = cp.id
                                                                      AND p.deleted_at IS NULL LIMIT 1) AS alive
                                               WHERE cp.author_id = a.author_id
                                                 AND cp.id >= w.low - w.width AND cp.id < w.low
                                               LIMIT $3 + $4) AS counting
                          WHERE a.newest_id >= w.low - w.width) AS counted
     WHERE w.found < $3 + $4 AND w.low > slice.oldest
), bound AS MATERIALIZED (
    SELECT greatest(slice.oldest, (SELECT min(low) FROM windows)) AS oldest FROM slice
), celebrity_items AS (
    SELECT c.id AS post_id, a.author_id
      FROM bound
     CROSS JOIN authors a
     CROSS JOIN LATERAL (SELECT cp.id
                           FROM celebrity_posts cp
                          CROSS JOIN LATERAL (SELECT FROM posts p
                                               WHERE p.author_id = cp.author_id AND p.id = cp.id
                                                 AND p.deleted_at IS NULL LIMIT 1) AS alive
                          WHERE cp.author_id = a.author_id AND cp.id < $2 AND cp.id >= bound.oldest
                          ORDER BY cp.id DESC
                          LIMIT $3 + $4) AS c
     WHERE a.newest_id >= bound.oldest
), above AS MATERIALIZED (
    SELECT post_id, author_id FROM items
     UNION
    SELECT post_id, author_id FROM celebrity_items
     ORDER BY post_id DESC
     LIMIT $3 + $4
), pull AS MATERIALIZED (
    -- What is left to find below the horizon; no row: nothing.
    SELECT least($2, horizon.post_id) AS below, $3 + $4 - counted.posts AS missing
      FROM horizon
     CROSS JOIN (SELECT count(*) AS posts FROM above) AS counted
     WHERE horizon.post_id > 0 AND counted.posts < $3 + $4
), followed AS MATERIALIZED (
    -- OFFSET 0 and the look at `missing` keep the planner from reading the follows before it knows that they are needed.
    SELECT e.followed_id AS author_id, newest.id AS newest_id
      FROM pull
     CROSS JOIN LATERAL (SELECT e.followed_id
                           FROM followees e
                          WHERE e.follower_id = $1 AND pull.missing > 0
                            AND NOT EXISTS (SELECT FROM departed d WHERE d.id = e.followed_id)
                         OFFSET 0) AS e
     CROSS JOIN LATERAL (SELECT p.id
                           FROM posts p
                          WHERE p.author_id = e.followed_id AND p.id < pull.below AND p.deleted_at IS NULL
                          ORDER BY p.id DESC
                          LIMIT 1) AS newest
), pull_windows (low, width, found) AS (
    SELECT max(newest_id) + 1, 65536::bigint << 22, 0::bigint
      FROM followed
     UNION ALL
    SELECT w.low - w.width, least(w.width, 1::bigint << 60) * 4, w.found + counted.posts
      FROM pull_windows w
     CROSS JOIN pull
     CROSS JOIN LATERAL (SELECT count(*) AS posts
                           FROM followed a
                          CROSS JOIN LATERAL (SELECT FROM posts p
                                               WHERE p.author_id = a.author_id AND p.deleted_at IS NULL
                                                 AND p.id >= w.low - w.width AND p.id < w.low
                                               LIMIT $3 + $4) AS counting
                          WHERE a.newest_id >= w.low - w.width) AS counted
     WHERE w.found < pull.missing AND w.low > 0
), pulled AS (
    SELECT c.id AS post_id, a.author_id
      FROM pull
     CROSS JOIN (SELECT min(low) AS oldest FROM pull_windows) AS bound
     CROSS JOIN followed a
     CROSS JOIN LATERAL (SELECT p.id
                           FROM posts p
                          WHERE p.author_id = a.author_id AND p.id < pull.below AND p.id >= bound.oldest
                            AND p.deleted_at IS NULL
                          ORDER BY p.id DESC
                          LIMIT $3 + $4) AS c
     WHERE a.newest_id >= bound.oldest
), page AS (
    SELECT post_id, author_id FROM above
     UNION ALL
    SELECT post_id, author_id FROM pulled
     ORDER BY post_id DESC
    OFFSET $3
     LIMIT $4
)
SELECT p.id, p.author_id, p.body, p.revision, p.created_at, p.edited_at
  FROM page
 CROSS JOIN LATERAL (SELECT p.* FROM posts p
                      WHERE p.author_id = page.author_id AND p.id = page.post_id LIMIT 1) AS p
 ORDER BY page.post_id DESC
