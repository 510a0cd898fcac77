# SQL files become C tables at build: see embed_sql.c.

add_executable(embed_sql ${PROJECT_SOURCE_DIR}/cmake/embed_sql.c)
target_link_libraries(embed_sql PRIVATE freshet_flags fr_base)
set_target_properties(embed_sql PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tools)

# freshet_embed_statements(FOLDER INCLUDE_DIR ret_sources [FOLDER...])
# The *.sql of the folders become INCLUDE_DIR/store/sql_table.h and a source file; a file added or taken away is noticed
# by the next build.
function(freshet_embed_statements folder include_dir ret)
  set(files)
  foreach(from IN ITEMS ${folder} ${ARGN})
    file(GLOB found CONFIGURE_DEPENDS ${from}/*.sql)
    list(APPEND files ${found})
  endforeach()
  set(header ${include_dir}/store/sql_table.h)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/sql_table.c)
  file(MAKE_DIRECTORY ${include_dir}/store)
  add_custom_command(OUTPUT ${header} ${source}
    COMMAND embed_sql statements ${header} ${source} ${files}
    DEPENDS embed_sql ${files}
    COMMENT "Embedding the statements of ${folder}" VERBATIM)
  set(${ret} ${header} ${source} PARENT_SCOPE)
endfunction()

# freshet_embed_migrations(FOLDER ret_sources): FOLDER/NNNN_*.sql; other files there are nobody's business here.
function(freshet_embed_migrations folder ret)
  file(GLOB files CONFIGURE_DEPENDS ${folder}/[0-9]*.sql)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/migrations_table.c)
  add_custom_command(OUTPUT ${source}
    COMMAND embed_sql migrations ${source} ${files}
    DEPENDS embed_sql ${files}
    COMMENT "Embedding the migrations of ${folder}" VERBATIM)
  set(${ret} ${source} PARENT_SCOPE)
endfunction()
