#include "route.h"

#include <assert.h>

uint64_t fr_delivery_route_pack(struct route route)
{
    assert(route.hub < ROUTE_HUBS_MAX && route.slot >> ROUTE_SLOT_BITS == 0);
    return (uint64_t)route.hub << (ROUTE_SLOT_BITS + 32) | (uint64_t)route.slot << 32 | route.generation;
}

struct route fr_delivery_route_unpack(uint64_t number)
{
    return (struct route){
        .hub = (uint32_t)(number >> (ROUTE_SLOT_BITS + 32)),
        .slot = (uint32_t)(number >> 32) & ((UINT32_C(1) << ROUTE_SLOT_BITS) - 1),
        .generation = (uint32_t)number,
    };
}
