-- params: smallint a, integer b, bigint c, boolean d
-- result: smallint a, integer b, bigint c, boolean d, boolean all_null
SELECT $1, $2, $3, $4, num_nonnulls($1, $2, $3, $4) = 0
