# bench/wsbench: what its figures and verdicts rest on.
foreach(name histogram protocol people verify options pages)
  add_executable(test_bench_${name} bench/test_${name}.c)
  target_include_directories(test_bench_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(test_bench_${name} PRIVATE freshet_flags wsbench_parts fr_base PkgConfig::CMOCKA)
  add_test(NAME unit/bench/${name} COMMAND test_bench_${name})
  set_tests_properties(unit/bench/${name} PROPERTIES TIMEOUT 120)
endforeach()
