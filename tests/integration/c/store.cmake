# The store once more, with the statements of store_sql beside the real ones.
get_target_property(sources fr_store SOURCES)
list(FILTER sources EXCLUDE REGEX "sql_table")
list(TRANSFORM sources PREPEND ${PROJECT_SOURCE_DIR}/pkg/store/ REGEX "^[^/]")
set(generated ${CMAKE_CURRENT_BINARY_DIR}/store_include)
freshet_embed_statements(${PROJECT_SOURCE_DIR}/pkg/store/sql ${generated} statements ${CMAKE_CURRENT_SOURCE_DIR}/store_sql)
freshet_embed_migrations(${PROJECT_SOURCE_DIR}/schema migrations)
list(FILTER sources EXCLUDE REGEX "migrations_table")
add_library(fr_store_and_test_statements STATIC ${sources} ${statements} ${migrations})
target_include_directories(fr_store_and_test_statements BEFORE PUBLIC ${generated} ${PROJECT_SOURCE_DIR}/pkg)
target_link_libraries(fr_store_and_test_statements PUBLIC PkgConfig::PQ PRIVATE freshet_flags fr_loop fr_metrics fr_log fr_base)

foreach(name store_test store_session_test store_migrate_test)
  freshet_server_test(${name} SOURCES ${name}.c store_fixture.c SERVERS --postgres
    USES store_and_test_statements loop metrics log base)
  target_compile_definitions(${name} PRIVATE FR_TEST_TOOLS="${PROJECT_SOURCE_DIR}/tools")
endforeach()
