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

static void on_refused(void *arg, struct local_user *user)
{
    FOR_FLOWS(flow, user)
    {
        fr_delivery_flow_end(flow, FR_SUBSCRIBER_UNAVAILABLE);
    }
}

static void on_broken(void *arg, struct local_user *user)
{
    FOR_FLOWS(flow, user)
    {
        fr_delivery_flow_end_gap(flow);
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

static void send(struct flow *flow, struct live_event *event)
{
    struct fr_hub *hub = flow->hub;
    uint64_t consumer = flow->consumer;
    int64_t post_id = fr_delivery_event_post(event);
    if (*tombstone_of(hub, post_id) == post_id)
        return;
    if (fr_delivery_sent_has(flow->sent, post_id)) {
        fr_metric_add(FR_METRIC_LIVE_DUPLICATES, 1);
        return;
    }
    enum fr_status status = fr_delivery_send_event(flow, event);
    /* It may have left. */
    if (fr_delivery_flow_find(hub, consumer) != flow)
        return;
    if (status == FR_OK)
        fr_delivery_sent_add(&flow->sent, post_id);
    else if (status != FR_CANCELLED)
        fr_delivery_flow_end(flow, status == FR_FULL ? FR_SUBSCRIBER_TOO_SLOW : FR_SUBSCRIBER_UNAVAILABLE);
}

static void note_deletion(struct fr_hub *hub, const struct live_event *event)
{
    int64_t post_id = fr_delivery_event_post(event);
    *tombstone_of(hub, post_id) = post_id;
}

void fr_delivery_users_take(struct flow *flow, struct live_event *event)
{
    if (event == NULL)
        return;
    int64_t author_id = fr_delivery_event_author(event);
    switch (fr_delivery_event_kind(event)) {
    case FR_EVENT_POST:
        if (!fr_delivery_muted_has(flow->muted, author_id))
            send(flow, event);
        return;
    case FR_EVENT_DELETE:
        note_deletion(flow->hub, event);
        return;
    case FR_EVENT_FOLLOW:
        fr_delivery_muted_remove(&flow->muted, author_id);
        return;
    case FR_EVENT_UNFOLLOW:
    case FR_EVENT_ACCOUNT:
        fr_delivery_muted_add(&flow->muted, author_id);
        return;
    case FR_EVENT_EDIT:
    case FR_EVENT_CELEBRITY:
    case FR_EVENT_ORDINARY:
        return;
    }
}

/* ---- celebrities ---- */

void fr_delivery_users_take_celebrity(struct fr_hub *hub, struct live_event *event)
{
    /* At once, whatever is held: a post that waits is not sent any more. */
    if (fr_delivery_event_kind(event) == FR_EVENT_DELETE)
        note_deletion(hub, event);
    fr_delivery_celebrities_take(&hub->celebrities, event);
}

/* What was published before a connection was opened is not for it. */
static void on_deliver(void *arg, struct local_user *user, struct live_event *event)
{
    if (fr_delivery_event_kind(event) != FR_EVENT_POST)
        return;
    FOR_FLOWS(flow, user)
    {
        if (flow->opened)
            send(flow, event);
    }
}

static void on_loaded(void *arg, struct local_user *user)
{
    FOR_FLOWS(flow, user)
    {
        fr_delivery_flow_open(flow);
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

static void on_missed(void *arg, struct local_user *user)
{
    FOR_FLOWS(flow, user)
    {
        if (flow->opened)
            fr_delivery_flow_end_gap(flow);
    }
}

static const struct celebrities_verbs celebrities_verbs = {
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
