freshet_unit_test(delivery route USES base)
freshet_unit_test(delivery sent USES base)
freshet_unit_test(delivery flow USES base)
freshet_unit_test(delivery event USES wire base)
# The bus is played by the test: it defines the four calls of the feed, so that the real ones are not linked.
freshet_unit_test(delivery hub USES loop wire base)
