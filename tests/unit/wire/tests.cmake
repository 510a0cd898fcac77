freshet_unit_test(wire event USES base)
freshet_unit_test(wire request USES base)
freshet_unit_test(wire json USES base)
target_link_libraries(test_wire_json PRIVATE PkgConfig::JANSSON)
