-- params: none
-- result: smallint partition, bigint event_id
-- The oldest pending event of each partition: the outbox moves if this rises. Not flips, which wait for a quiet moment
-- while other events pass them.
SELECT partition, min(event_id)
  FROM outbox
 WHERE state = 0 AND kind <> 6
 GROUP BY partition
