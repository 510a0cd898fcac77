-- params: none
-- result: integer made
-- The partitions of feed_items for the next eight weeks.
SELECT feed_items_make_partitions(now() + interval '56 days')
