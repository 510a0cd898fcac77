foreach(name config value file help nearest)
  freshet_unit_test(config ${name} USES base)
endforeach()
