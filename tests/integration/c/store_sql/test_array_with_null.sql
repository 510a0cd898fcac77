-- params: none
-- result: bigint[] numbers, text[] texts
SELECT ARRAY[1, NULL, 3]::bigint[], ARRAY['x', NULL, '']
