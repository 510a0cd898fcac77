-- params: bigint seed, bigint most
-- result: bigint id
-- $2 random users, for the same seed the same.
SELECT id
  FROM (SELECT id
          FROM users
         WHERE deleted_at IS NULL
         ORDER BY hashint8extended(id, $1), id
         LIMIT $2) AS chosen
 ORDER BY id
