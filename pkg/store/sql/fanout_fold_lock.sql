-- params: bigint[]
-- result: bigint id
-- Authors whose followers are about to be counted, in the order of their ids: imports lock many, too.
SELECT u.id
  FROM users u
 WHERE u.id = ANY ($1::bigint[])
 ORDER BY u.id
   FOR NO KEY UPDATE
