-- params: none
-- result: bigint author_id
-- Whom there is something to tell of: people with new followers who have posted before (they are locked: whoever has not
-- will do so after the commit, when the fan-out sees the new followers), celebrities with new followers, and those whom the
-- import made celebrities.
SELECT u.id
  FROM users u
 WHERE (u.last_post_id > 0 OR u.is_celebrity) AND u.id IN (SELECT followed_id FROM import_follows)
 UNION
SELECT id FROM import_celebrities
