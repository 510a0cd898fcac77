freshet_unit_test(metrics metrics USES base)
freshet_unit_test(metrics expose USES base)
target_link_libraries(test_metrics_metrics PRIVATE Threads::Threads)
