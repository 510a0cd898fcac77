-- params: text token_id, timestamptz until
-- result: none
-- Revokes a token, which ends by itself at $2. Again: nothing changes.
INSERT INTO revocations (token_id, until)
VALUES ($1, $2)
    ON CONFLICT (token_id) DO NOTHING
