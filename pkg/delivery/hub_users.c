/* Whose the flows are: when a user is present, whom he follows of the celebrities, and what is sent to him.
 */
#include <stdlib.h>

#include "hub_internal.h"
#include "metrics/metrics.h"

/* ---- users and their flows ---- */

static struct local_user *get_user(struct fr_hub *hub, int64_t user_id)
{
    struct local_user *user = fr_delivery_table_find(&hub->users, user_id);
    if (user != NULL)
        return user;
    user = FR_NEW(struct local_user);
    user->id = user_id;
    fr_delivery_table_add(&hub->users, user_id, user);
    fr_metric_add(FR_METRIC_ONLINE_USERS, 1);
    return user;
}

static void free_user(struct fr_hub *hub, struct local_user *user)
{
    fr_delivery_presence_leave(&hub->presence, user);
    fr_delivery_celebrities_leave(&hub->celebrities, user);
    fr_delivery_table_remove(&hub->users, user->id);
    fr_metric_add(FR_METRIC_ONLINE_USERS, -1);
    free(user);
}

static void link_flow(struct local_user *user, struct flow *flow)
{
    flow->user = user;
    flow->next_of_user = user->flows;
    flow->link_of_user = &user->flows;
    if (user->flows != NULL)
        user->flows->link_of_user = &flow->next_of_user;
    user->flows = flow;
}

/* Walks over a user's flows; the one that `flow` names, and no other, may leave meanwhile, and with the last
 * one the user. */
#define FOR_FLOWS(flow, user)                             \
    for (struct flow *flow = (user)->flows, *flow##_next; \
         flow != NULL && (flow##_next = flow->next_of_user, true); flow = flow##_next)

enum fr_status fr_delivery_users_join(struct flow *flow, int64_t user_id, struct fr_error *error)
{
    struct fr_hub *hub = flow->hub;
    struct local_user *user = get_user(hub, user_id);
    link_flow(user, flow);
    fr_delivery_flow_move(flow, FLOW_JOINED);
    enum fr_status status = fr_delivery_presence_want(&hub->presence, user);
    if (status == FR_UNAVAILABLE) {
        fr_delivery_flow_move(flow, FLOW_LEFT);
        return fr_error_set(error, FR_UNAVAILABLE, NULL, "presence cannot be written");
    }
    if (status == FR_OK)
        fr_delivery_flow_move(flow, FLOW_ANNOUNCED);
    return FR_OK;
}

void fr_delivery_users_leave(struct flow *flow)
{
    struct local_user *user = flow->user;
    *flow->link_of_user = flow->next_of_user;
    if (flow->next_of_user != NULL)
        flow->next_of_user->link_of_user = flow->link_of_user;
    if (user->flows == NULL)
        free_user(flow->hub, user);
}

/* ---- presence ---- */

static void on_present(void *arg, struct local_user *user)
{
    struct fr_hub *hub = arg;
    fr_delivery_celebrities_load(&hub->celebrities, user);
    FOR_FLOWS(flow, user)
    {
        if (flow->state == FLOW_ANNOUNCING)
            fr_delivery_flow_move(flow, FLOW_ANNOUNCED);
    }
}

/* Whoever was let in is tried again. */
static void on_refused(void *arg, struct local_user *user)
{
    FOR_FLOWS(flow, user)
    {
        if (!flow->opened)
            fr_delivery_flow_end(flow, FR_SUBSCRIBER_UNAVAILABLE);
        else if (flow->state == FLOW_ANNOUNCING)
            fr_delivery_flow_move(flow, FLOW_REFUSED);
    }
}

static void on_broken(void *arg, struct local_user *user)
{
    FOR_FLOWS(flow, user)
    {
        fr_delivery_flow_hole(flow);
    }
}

static const struct presence_verbs presence_verbs = {
    .present = on_present,
    .refused = on_refused,
    .broken = on_broken,
};

/* ---- what is sent ---- */

static int64_t *tombstone_of(struct fr_hub *hub, int64_t post_id)
{
    return &hub->tombstones[(uint64_t)post_id * UINT64_C(0x9e3779b97f4a7c15) >> 54];
}

_Static_assert(TOMBSTONES == 1 << 10, "as many bits as are left by the shift above");

void fr_delivery_users_bury(struct fr_hub *hub, int64_t post_id)
{
    *tombstone_of(hub, post_id) = post_id;
}

bool fr_delivery_users_is_buried(struct fr_hub *hub, int64_t post_id)
{
    return *tombstone_of(hub, post_id) == post_id;
}

void fr_delivery_users_note(struct flow *flow, const struct live_event *event)
{
    int64_t author_id = fr_delivery_event_author(event);
    switch (fr_delivery_event_kind(event)) {
    case FR_EVENT_FOLLOW:
        fr_delivery_muted_remove(&flow->muted, author_id);
        return;
    case FR_EVENT_UNFOLLOW:
    case FR_EVENT_ACCOUNT:
        fr_delivery_muted_add(&flow->muted, author_id);
        return;
    case FR_EVENT_DELETE:
        fr_delivery_users_bury(flow->hub, fr_delivery_event_post(event));
        return;
    case FR_EVENT_POST:
    case FR_EVENT_EDIT:
    case FR_EVENT_CELEBRITY:
    case FR_EVENT_ORDINARY:
        return;
    }
}

void fr_delivery_users_take(struct flow *flow, struct live_event *event)
{
    enum fr_event_kind kind = fr_delivery_event_kind(event);
    fr_delivery_users_note(flow, event);
    if (!fr_event_is_of_post(kind))
        return;
    /* A deletion is told in any case: the post may be on a page that the client has. */
    if (kind != FR_EVENT_DELETE && fr_delivery_muted_has(flow->muted, fr_delivery_event_author(event)))
        return;
    fr_delivery_send_live(flow, event);
}

/* ---- celebrities ---- */

void fr_delivery_users_lose_celebrities(struct fr_hub *hub, const struct fr_feed_place *place)
{
    fr_delivery_celebrity_ring_clear(&hub->ring);
    if (place->epoch != 0)
        fr_delivery_celebrity_ring_stand(&hub->ring, place);
    fr_delivery_celebrities_lost(&hub->celebrities);
}

/* What does not follow on what was told last tells of a loss, unless that was told. */
static void see_hole(struct fr_hub *hub, const struct fr_feed_place *expected)
{
    if (hub->ring.epoch != 0 && (hub->ring.epoch != expected->epoch || hub->ring.last != expected->sequence))
        fr_delivery_users_lose_celebrities(hub, expected);
}

void fr_delivery_users_stand_celebrities(struct fr_hub *hub, const struct fr_feed_place *place)
{
    see_hole(hub, place);
    fr_delivery_celebrity_ring_stand(&hub->ring, place);
}

void fr_delivery_users_take_celebrity(struct fr_hub *hub, const struct fr_feed_place *place,
                                      struct live_event *event)
{
    bool stood = hub->ring.epoch != 0;
    see_hole(hub, &(struct fr_feed_place){place->epoch, place->sequence - 1});
    fr_delivery_celebrity_ring_add(&hub->ring, place->epoch, place->sequence, event);
    if (!stood)
        fr_delivery_attach_load_all(hub);
    if (event == NULL)
        return;
    /* At once, whatever is held: a post that waits is not sent any more. */
    if (fr_delivery_event_kind(event) == FR_EVENT_DELETE)
        fr_delivery_users_bury(hub, fr_delivery_event_post(event));
    fr_delivery_celebrities_take(&hub->celebrities, event, place->sequence);
}

enum { CACHE_LINE = 64 };

static void fetch(const void *thing, size_t size)
{
    for (size_t at = 0; at < size; at += CACHE_LINE)
        __builtin_prefetch((const char *)thing + at);
}

/* Of the first connection, which most have alone. */
static void on_soon(void *arg, const struct local_user *user, unsigned others)
{
    const struct fr_hub *hub = arg;
    const struct flow *flow = user->flows;
    if (others > 1) {
        fetch(flow, sizeof *flow);
        return;
    }
    /* And the connection that it is embedded in. */
    fetch((const char *)flow->subscriber - CACHE_LINE, 3 * CACHE_LINE);
    fetch(flow->sent, 1);
    fetch(&hub->slots[flow->slot], 1);
}

/* A flow that is still being made takes it from the ring; one whose place is beyond it has had it. */
static void on_deliver(void *arg, struct local_user *user, struct live_event *event, uint64_t sequence)
{
    const struct fr_hub *hub = arg;
    FOR_FLOWS(flow, user)
    {
        if (flow->state == FLOW_SENDING)
            fr_delivery_attach_take_held(flow, event, sequence);
        else if (flow->state == FLOW_LIVE &&
                 (sequence > flow->celebrities.sequence || flow->celebrities.epoch != hub->ring.epoch))
            fr_delivery_send_live(flow, event);
    }
}

static void on_loaded(void *arg, struct local_user *user)
{
    FOR_FLOWS(flow, user)
    {
        fr_delivery_attach_load(flow);
    }
}

static void on_load_failed(void *arg, struct local_user *user)
{
    FOR_FLOWS(flow, user)
    {
        if (!flow->opened)
            fr_delivery_flow_end(flow, FR_SUBSCRIBER_UNAVAILABLE);
    }
}

/* An unfollow that came on the user's own subject is over, also when the follow behind it came as a
 * celebrity's. */
static void on_follows(void *arg, struct local_user *user, int64_t author_id)
{
    FOR_FLOWS(flow, user)
    {
        fr_delivery_muted_remove(&flow->muted, author_id);
    }
}

/* One that is being made looks at the ring before it sends anything. */
static void on_missed(void *arg, struct local_user *user)
{
    FOR_FLOWS(flow, user)
    {
        if (flow->state == FLOW_LIVE || flow->state == FLOW_SENDING)
            fr_delivery_flow_hole(flow);
    }
}

static const struct celebrities_verbs celebrities_verbs = {
    .soon = on_soon,
    .deliver = on_deliver,
    .loaded = on_loaded,
    .load_failed = on_load_failed,
    .follows = on_follows,
    .missed = on_missed,
};

/* ---- init ---- */

void fr_delivery_users_init(struct fr_hub *hub, const struct fr_hub_options *options)
{
    fr_delivery_presence_init(&hub->presence, hub->loop, options->store, &hub->users,
                              options->resume_window_ms, &presence_verbs, hub);
    fr_delivery_celebrities_init(&hub->celebrities, hub->loop, options->store, &hub->users,
                                 &celebrities_verbs, hub);
}

void fr_delivery_users_release(struct fr_hub *hub)
{
    fr_delivery_presence_release(&hub->presence);
    fr_delivery_celebrities_release(&hub->celebrities);
    fr_delivery_table_release(&hub->users);
}
