-- params: bigint[], smallint[], bigint, integer
-- result: none
-- Adds what follows and unfollows of authors $1 (of partitions $2) left in follower_delta to their counts; what is written
-- meanwhile has an event of its own and is folded with that. An author who has more than $3 followers and is no celebrity, or
-- is one with less than $4 percent of that, gets an event to change that (kind 6), unless one is waiting.
-- Runs after fanout_fold_lock.
WITH folded AS (
    DELETE FROM follower_delta
     WHERE user_id = ANY ($1::bigint[])
    RETURNING user_id, delta
), counted AS (
    UPDATE users u
       SET follower_count = u.follower_count + changed.by
      FROM (SELECT user_id, sum(delta) AS by FROM folded GROUP BY user_id) AS changed
     WHERE u.id = changed.user_id
    RETURNING u.id, u.follower_count, u.is_celebrity, u.deleted_at
)
INSERT INTO outbox (author_id, partition, kind, subject_id)
SELECT c.id, e.partition, 6, c.id
  FROM counted c
  JOIN unnest($1::bigint[], $2::smallint[]) AS e (author_id, partition) ON e.author_id = c.id
 WHERE c.deleted_at IS NULL
   AND CASE WHEN c.is_celebrity THEN c.follower_count * 100 < $3 * $4 ELSE c.follower_count > $3 END
   AND NOT EXISTS (SELECT FROM outbox o WHERE o.author_id = c.id AND o.kind = 6 AND o.state = 0)
