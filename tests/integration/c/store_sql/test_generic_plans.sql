-- params: none
-- result: bigint forced
SELECT (current_setting('plan_cache_mode') = 'force_generic_plan' AND current_setting('enable_seqscan') = 'off')::integer::bigint
