-- params: none
-- result: bigint locked
-- In the order of their ids, so that two imports can't block each other. A follow by HTTP locks its follower's row in
-- the same way, and a post moves its author's row forward: both wait for the import's end.
WITH locked AS MATERIALIZED (
    SELECT u.id
      FROM users u
     WHERE u.id IN (SELECT follower_id FROM import_follows UNION SELECT followed_id FROM import_follows)
     ORDER BY u.id
       FOR NO KEY UPDATE
)
SELECT count(*) FROM locked
