#include <stdatomic.h>
#include <stdlib.h>

#include "timeline/timeline_internal.h"

struct fr_outages {
    atomic_int workers[FR_OUTAGE_KINDS]; /* that are in it */
};

struct fr_outages *fr_outages_new(void)
{
    return FR_NEW(struct fr_outages);
}

void fr_outages_free(struct fr_outages *outages)
{
    free(outages);
}

bool fr_outages_note(struct fr_outages *outages, enum fr_outage kind, bool begins)
{
    if (begins)
        return atomic_fetch_add(&outages->workers[kind], 1) == 0;
    return atomic_fetch_sub(&outages->workers[kind], 1) == 1;
}
