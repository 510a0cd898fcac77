/* Routing numbers: which hub, which of its flows, and which consumer of that flow. The number is the
 * consumer's name on the bus; a flow takes a new one for each consumer, so that a late message of an old one
 * finds nobody. */
#ifndef FR_DELIVERY_ROUTE_H
#define FR_DELIVERY_ROUTE_H

#include <stdint.h>

enum { ROUTE_HUB_BITS = 8, ROUTE_SLOT_BITS = 24, ROUTE_HUBS_MAX = 1 << ROUTE_HUB_BITS };

struct route {
    uint32_t hub;        /* 0..ROUTE_HUBS_MAX-1 */
    uint32_t slot;       /* below 1 << ROUTE_SLOT_BITS */
    uint32_t generation; /* wraps */
};

uint64_t fr_delivery_route_pack(struct route route);
struct route fr_delivery_route_unpack(uint64_t number);

#endif
