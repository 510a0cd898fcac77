-- params: text a, bytea b, date c, timestamptz d
-- result: text a, bytea b, date c, timestamptz d, text as_text
-- as_text is what the server understood, in words.
SELECT $1, $2, $3, $4, concat_ws('|', $1, encode($2, 'hex'), $3::text, to_char($4 AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS'))
