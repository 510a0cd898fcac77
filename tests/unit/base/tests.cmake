foreach(name status str buf utf8 id snowflake clock hash random)
  freshet_unit_test(base ${name})
endforeach()
target_link_libraries(test_base_snowflake PRIVATE Threads::Threads)
