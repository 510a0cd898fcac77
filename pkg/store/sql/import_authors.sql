-- params: none
-- result: bigint author_id
-- People with new followers who have posted before. They are locked: whoever has not posted yet will do so after the
-- commit, when the fan-out sees the new followers.
SELECT u.id
  FROM users u
 WHERE u.last_post_id > 0 AND u.id IN (SELECT followed_id FROM import_follows)
