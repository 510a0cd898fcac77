/* freshetctl generate: what its files share. generate.c takes the options and reports, generate_write.c fills
 * the tables.
 */
#ifndef FR_CTL_GENERATE_H
#define FR_CTL_GENERATE_H

#include "ctl.h"
#include "generated_graph.h"
#include "generated_people.h"
#include "interrupt.h"
#include "progress.h"
#include "store/store.h"

struct generate {
    struct ctl *ctl;
    struct graph_options graph_options;
    struct people_options people;
    int64_t feed_cap;
    int64_t feeds; /* users 1..feeds get feed items, the others' pages pull */
    /* what is at work */
    struct fr_session *session;
    struct interrupt *interrupt;
    struct progress progress;
    struct graph *graph;
    int64_t posts, celebrity_posts; /* what there will be */
    /* what was done */
    int64_t rows, rows_expected;
    int64_t feed_items, feeds_cut;
};

/* Fills the empty tables in one transaction; nothing is left of it on failure. FR_CONFLICT: they are not
 * empty. FR_CANCELLED: interrupted. */
FR_WARN_UNUSED enum fr_status generate_write(struct generate *generate, struct fr_error *error);

#endif
