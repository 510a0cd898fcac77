# The bus, and delivery on top of it, with a server that the test kills, stops and starts again.
if(TARGET fr_bus)
  freshet_server_test(bus_test SOURCES bus_test.c nats_fixture.c SERVERS --nats USES bus metrics log base)
  freshet_server_test(bus_celebrities_test SOURCES bus_celebrities_test.c nats_fixture.c SERVERS --nats
    USES bus metrics log base)
endif()
if(TARGET fr_delivery)
  freshet_server_test(delivery_test SOURCES delivery_test.c nats_fixture.c SERVERS --nats
    USES delivery graph bus wire metrics log loop base)
endif()
foreach(name bus_test bus_celebrities_test delivery_test)
  if(TARGET ${name})
    target_compile_definitions(${name} PRIVATE FR_TEST_TOOLS="${PROJECT_SOURCE_DIR}/tools")
  endif()
endforeach()
