-- params: bigint[] users
-- result: bigint id
-- While these rows are locked nobody of them follows or unfollows, their counts are not folded, their accounts are not
-- deleted. The statements that follow in the transaction see what the previous holders did.
SELECT id FROM users WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE
