-- params: none
-- result: none
-- The lines of the file, as they are. The tables of an import are gone with its transaction.
CREATE TEMPORARY TABLE import_edges (follower_id bigint NOT NULL, followed_id bigint NOT NULL) ON COMMIT DROP
