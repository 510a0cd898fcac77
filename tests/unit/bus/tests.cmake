freshet_unit_test(bus names USES base)
freshet_unit_test(bus streams USES base)
freshet_unit_test(bus url USES base)
target_link_libraries(test_bus_streams PRIVATE PkgConfig::JANSSON)
