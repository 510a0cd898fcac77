-- params: none
-- result: bigint celebrities
-- Authors who are celebrities now; `celebrities` also has those who once were.
SELECT count(*) FROM celebrities c JOIN users u ON u.id = c.id WHERE u.is_celebrity
