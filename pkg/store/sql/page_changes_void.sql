-- params: none
-- result: none
-- Whatever pages gateways keep ready is void. The last statement of a transaction that changes more than can be told one
-- by one: rows are taken out ten minutes after they were written, and must be seen before that.
INSERT INTO page_changes (author_id, subject_id, kind) VALUES (0, 0, 4)
