-- params: none
-- result: none
-- Kind 4: followed.
INSERT INTO outbox (author_id, partition, kind, subject_id)
SELECT p.author_id, p.partition, 4, f.follower_id
  FROM import_partitions p
  JOIN users u ON u.id = p.author_id AND u.last_post_id > 0
  JOIN import_follows f ON f.followed_id = p.author_id
 ORDER BY p.author_id, f.follower_id
