-- params: text mode
-- result: text mode
-- How this session plans from now on: statements over a thousand users want a plan for their own parameters, pages the
-- plan that gateways have. One processor is enough for a look at a system that others work with; compiling costs more
-- than it saves here.
SELECT set_config('plan_cache_mode', $1, false)
  FROM (SELECT set_config('max_parallel_workers_per_gather', '0', false), set_config('jit', 'off', false)) AS modest
