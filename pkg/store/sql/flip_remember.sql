-- params: bigint
-- result: none
-- Once a celebrity, always merged into pages: posts of that time stay where they are.
INSERT INTO celebrities (id)
SELECT u.id FROM users u WHERE u.id = $1 AND u.is_celebrity
    ON CONFLICT DO NOTHING
