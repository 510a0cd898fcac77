-- params: none
-- result: none
CREATE TEMPORARY TABLE import_posts (
    author_id bigint NOT NULL,
    id        bigint NOT NULL,
    body      text NOT NULL,
    partition smallint NOT NULL
) ON COMMIT DROP
