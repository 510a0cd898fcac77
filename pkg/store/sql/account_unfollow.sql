-- params: bigint follower_id, bigint[] followed_ids, smallint[] partitions
-- result: none
-- $1 follows these no longer; $3 are their partitions. As graph_unfollow, for many.
WITH edge AS (
    DELETE FROM followees f
     USING unnest($2::bigint[]) AS e (followed_id)
     WHERE f.follower_id = $1 AND f.followed_id = e.followed_id
    RETURNING f.followed_id
), reverse AS (
    DELETE FROM followers f
     USING unnest($2::bigint[]) AS e (followed_id)
     WHERE f.followed_id = e.followed_id AND f.follower_id = $1
), counted AS (
    INSERT INTO follower_delta (user_id, delta)
    SELECT followed_id, -1 FROM edge
)
INSERT INTO outbox (author_id, partition, kind, subject_id)
SELECT edge.followed_id, e.partition, 5, $1
  FROM edge
  JOIN unnest($2::bigint[], $3::smallint[]) AS e (followed_id, partition) USING (followed_id)
 ORDER BY 1
