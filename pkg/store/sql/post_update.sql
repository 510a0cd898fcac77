-- params: bigint author_id, bigint post_id, text body, smallint partition, text request_id, text traceparent
-- result: boolean mine, boolean changed
-- Author $1 gives post $2 another text; $4 is the author's partition. The row is locked first: what is decided then is
-- about its newest version, and events of one post are numbered in the order of its changes. The same text is no change.
WITH mine AS (
    SELECT author_id, id, body
      FROM posts
     WHERE author_id = $1 AND id = $2 AND deleted_at IS NULL
       FOR NO KEY UPDATE
), changed AS (
    UPDATE posts
       SET body = $3, revision = posts.revision + 1, edited_at = clock_timestamp()
      FROM mine
     WHERE posts.author_id = mine.author_id AND posts.id = mine.id AND mine.body <> $3
    RETURNING posts.author_id, posts.id
), told AS (
    INSERT INTO outbox (author_id, partition, kind, subject_id, request_id, traceparent)
    SELECT author_id, $4, 2, id, $5, $6 FROM changed
), noted AS (
    INSERT INTO page_changes (author_id, subject_id, kind)
    SELECT author_id, id, 1 FROM changed
)
SELECT EXISTS (SELECT FROM mine) AS mine, EXISTS (SELECT FROM changed) AS changed
