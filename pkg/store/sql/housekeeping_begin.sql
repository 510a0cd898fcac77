-- params: integer, text
-- result: boolean held, text idle_session_timeout, text idle_transaction_timeout
-- Whether this session keeps house from now on: one does. One that has stalled must lose that by itself: the server ends
-- a session that stays idle for $2.
SELECT pg_try_advisory_lock($1, 0),
       set_config('idle_session_timeout', $2, false),
       set_config('idle_in_transaction_session_timeout', '8s', false)
