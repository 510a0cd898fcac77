-- params: none
-- result: boolean overdue
-- Whether live messages are overdue: items of posts are in the feeds, and what tells gateways of them is not out for two
-- seconds. These are among the oldest of their partition; more are not looked at, since a backlog may be long.
SELECT EXISTS (SELECT FROM generate_series(0, 15) AS p (number)
                CROSS JOIN LATERAL (SELECT o.state, o.accepted_at
                                      FROM outbox o
                                     WHERE o.partition = p.number
                                     ORDER BY o.event_id
                                     LIMIT 200) AS oldest
                WHERE oldest.state = 1
                  AND oldest.accepted_at < clock_timestamp() - interval '2 seconds') AS overdue
