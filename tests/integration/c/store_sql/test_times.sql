-- params: none
-- result: timestamptz before_1970, timestamptz never, timestamptz always, date birthday
SELECT '1969-12-31 23:59:59.9995+00'::timestamptz, 'infinity'::timestamptz, '-infinity'::timestamptz, '1969-12-31'::date
