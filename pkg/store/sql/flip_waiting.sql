-- params: smallint[], integer, bigint, integer
-- result: bigint author_id, bigint event_id, smallint partition, smallint tries, boolean wanted
-- The oldest $2 flips that wait in partitions $1, and whether the author's followers still ask for one; $3 and $4 as in
-- fanout_fold.
SELECT o.author_id, o.event_id, o.partition, o.tries,
       coalesce(u.deleted_at IS NULL
                AND CASE WHEN u.is_celebrity THEN u.follower_count * 100 < $3 * $4 ELSE u.follower_count > $3 END, false)
  FROM outbox o
  LEFT JOIN users u ON u.id = o.author_id
 WHERE o.kind = 6 AND o.state = 0 AND o.partition = ANY ($1::smallint[])
 ORDER BY o.event_id
 LIMIT $2
