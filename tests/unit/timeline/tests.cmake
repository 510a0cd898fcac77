freshet_unit_test(timeline posts USES base store)
freshet_unit_test(timeline page USES base store)
freshet_unit_test(timeline page_query USES base)
freshet_unit_test(timeline page_cursor USES base)
