-- params: none
-- result: none
CREATE TEMPORARY TABLE import_partitions (author_id bigint PRIMARY KEY, partition smallint NOT NULL) ON COMMIT DROP
