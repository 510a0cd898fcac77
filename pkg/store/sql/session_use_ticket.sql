-- params: text ticket_id, timestamptz until
-- result: boolean fresh
-- Uses up a ticket, which ends by itself at $2. False: it was used before, on whichever gateway.
WITH used AS (
    INSERT INTO used_tickets (ticket_id, until)
    VALUES ($1, $2)
        ON CONFLICT (ticket_id) DO NOTHING
    RETURNING 1
)
SELECT EXISTS (SELECT FROM used) AS fresh
