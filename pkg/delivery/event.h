/* What a message of the bus says, decoded once for all subscribers that get the same event.
 *
 * An event reaches each follower as a message of its own with the same bytes, so the bus' one delivery thread
 * keeps the last few and compares: the decoding, and the frame built from it, are shared by all of them. */
#ifndef FR_DELIVERY_EVENT_H
#define FR_DELIVERY_EVENT_H

#include "delivery/delivery.h"
#include "wire/wire.h"

struct live_event; /* immutable, counted; any thread may hold and release one */

struct live_event *fr_delivery_event_hold(struct live_event *event);
void fr_delivery_event_release(struct live_event *event);
enum fr_event_kind fr_delivery_event_kind(const struct live_event *event);
int64_t fr_delivery_event_post(const struct live_event *event);
int64_t fr_delivery_event_author(const struct live_event *event);
/* Of a post or edit. */
int32_t fr_delivery_event_revision(const struct live_event *event);
/* What it takes in memory, about. */
size_t fr_delivery_event_bytes(const struct live_event *event);
/* Of a follow or unfollow; else 0. */
int64_t fr_delivery_event_follower(const struct live_event *event);
/* Of the post; Unix time by its gateway's clock. */
int64_t fr_delivery_event_created_ms(const struct live_event *event);
/* Of the request that caused it. Borrowed. */
struct fr_origin fr_delivery_event_origin(const struct live_event *event);
/* True for one caller: the first of all threads. */
bool fr_delivery_event_first_told(struct live_event *event);
/* What connections of this encoding are told: a plain frame, or an envelope's body. NULL if they are not told
 * of events of this kind. Borrowed. */
struct fr_frame *fr_delivery_event_frame(const struct live_event *event, enum fr_encoding encoding);

enum { EVENT_CACHE_SIZE = 64 };

/* Zeroed at first. One thread. */
struct event_cache {
    struct live_event *events[EVENT_CACHE_SIZE];
    fr_delivery_seen_fn seen; /* called for an event that was not in the cache; NULL: nobody */
    void *seen_arg;
};

/* The caller releases. FR_PROTOCOL for bytes that are no event. */
FR_WARN_UNUSED enum fr_status fr_delivery_event_decode(struct event_cache *cache, struct fr_str bytes,
                                                       struct live_event **ret, struct fr_error *error);
void fr_delivery_event_cache_release(struct event_cache *cache);

#endif
