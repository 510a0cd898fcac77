-- params: none
-- result: none
-- Kind 6: the handler finds nothing to change, and tells the gateways to look again at who follows a celebrity.
INSERT INTO outbox (author_id, partition, kind, subject_id)
SELECT p.author_id, p.partition, 6, p.author_id
  FROM import_partitions p
  JOIN users u ON u.id = p.author_id AND u.is_celebrity
 ORDER BY p.author_id
