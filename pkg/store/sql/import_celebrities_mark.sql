-- params: bigint threshold
-- result: none
-- Everybody followed in the file, also by follows that were there already.
WITH marked AS (
    UPDATE users u
       SET is_celebrity = true
     WHERE u.id IN (SELECT followed_id FROM import_edges)
       AND NOT u.is_celebrity
       AND u.deleted_at IS NULL
       AND u.follower_count + coalesce((SELECT sum(d.delta) FROM follower_delta d WHERE d.user_id = u.id), 0) > $1
    RETURNING u.id
)
INSERT INTO import_celebrities (id)
SELECT id FROM marked
