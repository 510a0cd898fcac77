-- params: none
-- result: none
-- Nobody registers, posts or follows until the data are there; a second generator waits and then finds them.
LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE
