-- params: bigint id
-- result: none
UPDATE test_notes SET note = note || '+' WHERE id = $1
