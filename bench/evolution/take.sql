-- The next post of the queue, for a worker of its own.
DELETE FROM evolution.queue
 WHERE post_id = (SELECT post_id FROM evolution.queue ORDER BY post_id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING post_id, author_id, extract(epoch FROM accepted_at)
