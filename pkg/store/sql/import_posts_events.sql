-- params: none
-- result: none
-- Kind 1: posted. In the order of the ids, so that the events of one author are numbered in the order of their posts.
INSERT INTO outbox (author_id, partition, kind, subject_id)
SELECT author_id, partition, 1, id FROM import_posts ORDER BY id
