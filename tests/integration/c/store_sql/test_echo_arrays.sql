-- params: bigint[] a, smallint[] b, text[] c, bytea[] d
-- result: bigint[] a, smallint[] b, text[] c, text as_text
SELECT $1, $2, $3, concat_ws('|', $1::text, $2::text, $3::text, $4::text)
