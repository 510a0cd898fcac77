-- params: none
-- result: none
-- Authors whom this import made celebrities.
CREATE TEMPORARY TABLE import_celebrities (id bigint PRIMARY KEY) ON COMMIT DROP
