-- params: text name
-- result: text value
SELECT current_setting($1)
