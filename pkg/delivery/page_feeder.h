/* Subscribers without a connection: they bring the live posts of users who read often and are not connected
 * to this loop, so that their first pages can be kept (timeline/pages.h). One set per loop. */
#ifndef FR_DELIVERY_PAGE_FEEDER_H
#define FR_DELIVERY_PAGE_FEEDER_H

#include "delivery/delivery.h"

struct fr_pages;
struct fr_page_feeders;

struct fr_page_feeders *fr_page_feeders_new(struct fr_bus *bus);
/* Before anyone is wanted. */
void fr_page_feeders_begin(struct fr_page_feeders *feeders, struct fr_hub *hub, struct fr_pages *pages);
/* All leave the hub; before hub and pages are freed. */
void fr_page_feeders_free(struct fr_page_feeders *feeders);
/* As fr_pages_options.flowing, want_feed and drop_feed; `arg` is the feeders. */
bool fr_page_feeders_flowing(void *arg);
bool fr_page_feeders_want(void *arg, int64_t user_id);
void fr_page_feeders_drop(void *arg, int64_t user_id);

#endif
