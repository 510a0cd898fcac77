-- params: none
-- result: none
CREATE TEMPORARY TABLE import_follows ON COMMIT DROP AS
SELECT DISTINCT follower_id, followed_id FROM import_edges
