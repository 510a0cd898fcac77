-- params: bigint most
-- result: bigint author_id, bigint event_id, smallint kind, bigint subject_id, smallint tries, timestamptz accepted_at, text reason
-- Events that were given up, the oldest first.
SELECT author_id, event_id, kind, subject_id, tries, accepted_at, reason
  FROM outbox
 WHERE state = 2
 ORDER BY event_id
 LIMIT $1
