freshet_server_test(timeline_lease_test SOURCES timeline_lease_test.c SERVERS --postgres
  USES timeline store bus wire metrics loop log base)
target_link_libraries(timeline_lease_test PRIVATE PkgConfig::PQ) # session.h: it runs scripts
