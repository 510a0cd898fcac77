-- params: text mode
-- result: text mode
-- How this session plans from now on: statements over a thousand users want a plan for their own parameters, pages the
-- plan that gateways have.
SELECT set_config('plan_cache_mode', $1, false)
