freshet_unit_test(auth keyring USES base)
freshet_unit_test(auth token USES base)
freshet_unit_test(auth password USES base)
target_link_libraries(test_auth_token PRIVATE PkgConfig::SODIUM)
