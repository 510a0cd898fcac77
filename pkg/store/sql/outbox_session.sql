-- params: text, text
-- result: text idle_session_timeout, text idle_transaction_timeout
-- An owner that was stopped (SIGSTOP, a frozen machine) must lose its locks by itself: the server ends a session that
-- stays idle for $1 or sits in a transaction for $2, and notices a peer that is gone without a word, or while a statement
-- of it runs or waits for a lock.
-- A worker finds rows by their keys. Plans of prepared statements are made once: one that reads a small table whole for
-- each key (measured with 100 people online: 16 times slower) would still do so when the table has grown.
-- Left to itself the server makes plans anew each time for arrays of few elements, because it takes an unknown array for one
-- of ten: for a lone post 0.42 ms of planning beside 0.25 ms of work (looking up, marking, removing). With the plan for ten a
-- batch of 500 took no longer than with its own. (Citus plans some statements over several shards only when it knows what for.)
SELECT set_config('idle_session_timeout', $1, false),
       set_config('idle_in_transaction_session_timeout', $2, false)
  FROM (SELECT set_config('tcp_keepalives_idle', '3', false), set_config('tcp_keepalives_interval', '1', false),
               set_config('tcp_keepalives_count', '3', false),
               set_config('client_connection_check_interval', '1s', false),
               set_config('enable_seqscan', 'off', false),
               set_config('plan_cache_mode', CASE WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')
                                                  THEN 'auto' ELSE 'force_generic_plan' END, false)) AS others
