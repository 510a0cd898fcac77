/* How many connections each client address has, over all loops: a counting sketch (count-min), so that it
 * costs no lock and the same memory whatever comes. The number may be too high where addresses meet in every
 * row: with 100,000 addresses connected by up to four, once in a thousand; never too low. The hash is salted.
 */
#ifndef FR_HTTP_ADDRESS_COUNT_H
#define FR_HTTP_ADDRESS_COUNT_H

#include "http/client_address.h"

struct fr_address_count;

struct fr_address_count *fr_address_count_new(void);
void fr_address_count_free(struct fr_address_count *counts);
/* Any thread. False, and nothing is counted, when `limit` connections of the address are open already. */
bool fr_address_count_enter(struct fr_address_count *counts, const struct fr_client_address *site,
                            int64_t limit);
/* After an enter that was true. */
void fr_address_count_leave(struct fr_address_count *counts, const struct fr_client_address *site);

#endif
