freshet_unit_test(graph users USES base store)
freshet_unit_test(graph edges USES base store)
