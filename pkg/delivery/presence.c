#include "presence.h"

#include <stdlib.h>

#include "graph/graph.h"
#include "id_table.h"
#include "log/log.h"
#include "metrics/metrics.h"

enum {
    CHUNK = 512, /* users of one statement */
    RETRY_FIRST_MS = 250,
    RETRY_LAST_MS = 5000,
};

/* A statement on its way. Users may leave, and come back, before it is answered: they are found by their ids,
 * and the statement's number tells whether it is still theirs. */
struct statement {
    struct presence *presence;
    uint64_t number;
    int64_t sent_ms;
    bool renewal;
    size_t count;
    int64_t ids[];
};

static struct local_user *user_of(struct fr_ring *ring)
{
    return FR_CONTAINER_OF(ring, struct local_user, presence.ring);
}

static void schedule(struct presence *presence);

/* Monotonic. */
static int64_t turn_ms_of(const struct presence *presence, const struct local_user *user)
{
    return user->presence.sent_ms + presence->every_ms;
}

/* Not later than the row's own end. */
static int64_t end_ms_of(const struct presence *presence, const struct local_user *user)
{
    return user->presence.sent_ms + presence->lasts_ms;
}

/* ---- statements ---- */

static void take_row(struct presence *presence, struct local_user *user, const struct statement *statement,
                     const struct fr_graph_online *row)
{
    struct presence_part *part = &user->presence;
    bool first = part->state == PRESENCE_ANNOUNCING;
    bool broken = !first && row->since_ms > part->since_ms;
    part->state = PRESENCE_PRESENT;
    part->since_ms = row->since_ms;
    part->confirmed_ms = row->confirmed_ms;
    part->sent_ms = statement->sent_ms;
    fr_ring_add(&presence->renewals, &part->ring);
    fr_metric_add(first ? FR_METRIC_PRESENCE_ANNOUNCED : FR_METRIC_PRESENCE_RENEWED, 1);
    if (first)
        presence->verbs->present(presence->arg, user);
    else if (broken) {
        fr_metric_add(FR_METRIC_PRESENCE_BROKEN, 1);
        presence->verbs->broken(presence->arg, user);
    }
}

static void miss_row(struct presence *presence, struct local_user *user)
{
    struct presence_part *part = &user->presence;
    if (part->state == PRESENCE_ANNOUNCING) {
        part->state = PRESENCE_NONE;
        presence->verbs->refused(presence->arg, user);
        return;
    }
    /* The next to be tried again; those in the ring have later turns. */
    part->state = PRESENCE_PRESENT;
    fr_ring_add(presence->renewals.next, &part->ring);
}

static void note_renewal(struct presence *presence, enum fr_status status, const struct fr_error *error)
{
    presence->renewing = false;
    if (status == FR_OK) {
        if (presence->failing)
            FR_LOG_INFO("presence of live connections is renewed again");
        presence->failing = false;
        presence->backoff_ms = 0;
        presence->retry_ms = 0;
        return;
    }
    if (!presence->failing && status != FR_CANCELLED)
        FR_LOG_WARN("presence of live connections cannot be renewed", FR_KV_ERROR(error));
    presence->failing = true;
    presence->backoff_ms = presence->backoff_ms == 0 ? RETRY_FIRST_MS : 2 * presence->backoff_ms;
    if (presence->backoff_ms > RETRY_LAST_MS)
        presence->backoff_ms = RETRY_LAST_MS;
    /* Spread over half of it: all loops of all gateways fail together. */
    int64_t now_ns = fr_clock_monotonic_ns();
    presence->retry_ms = now_ns / 1000000 + presence->backoff_ms + now_ns / 1000 % (presence->backoff_ms / 2);
}

static struct local_user *find_user(const struct statement *statement, int64_t id)
{
    struct local_user *user = fr_delivery_table_find(statement->presence->users, id);
    return user != NULL && user->presence.statement == statement->number ? user : NULL;
}

static void on_answer(void *arg, enum fr_status status, const struct fr_graph_online *rows, size_t count,
                      const struct fr_error *error)
{
    struct statement *statement = arg;
    struct presence *presence = statement->presence;
    if (statement->renewal)
        note_renewal(presence, status, error);
    for (size_t i = 0; i < count; i++) {
        struct local_user *user = find_user(statement, rows[i].user_id);
        if (user == NULL)
            continue;
        user->presence.statement = 0;
        take_row(presence, user, statement, &rows[i]);
    }
    /* All, if it failed. From the last, so that the first comes to stand first. */
    for (size_t i = statement->count; i > 0; i--) {
        struct local_user *user = find_user(statement, statement->ids[i - 1]);
        if (user == NULL)
            continue;
        user->presence.statement = 0;
        miss_row(presence, user);
    }
    free(statement);
    schedule(presence);
}

/* Takes up to a chunk out of the ring: those whose turn has come, of a queue all. NULL if there is none. */
static struct statement *collect(struct presence *presence, struct fr_ring *ring, bool renewal,
                                 int64_t now_ms)
{
    struct statement *statement = fr_alloc(sizeof *statement + CHUNK * sizeof statement->ids[0]);
    *statement = (struct statement){
        .presence = presence, .number = ++presence->statements, .sent_ms = now_ms, .renewal = renewal};
    while (!fr_ring_is_empty(ring) && statement->count < CHUNK) {
        struct local_user *user = user_of(ring->next);
        if (renewal && turn_ms_of(presence, user) > now_ms)
            break;
        fr_ring_remove(&user->presence.ring);
        user->presence.state = renewal ? PRESENCE_RENEWING : PRESENCE_ANNOUNCING;
        user->presence.statement = statement->number;
        statement->ids[statement->count++] = user->id;
    }
    if (statement->count > 0)
        return statement;
    free(statement);
    return NULL;
}

static bool send(struct presence *presence, struct fr_ring *ring, bool renewal)
{
    struct statement *statement = collect(presence, ring, renewal, fr_clock_monotonic_ms());
    if (statement == NULL)
        return false;
    fr_delivery_sort_ids(statement->ids, statement->count);
    fr_graph_announce(presence->store, statement->ids, statement->count, presence->lasts_ms, on_answer,
                      statement);
    return true;
}

static void on_announce(struct fr_task *task)
{
    struct presence *presence = FR_CONTAINER_OF(task, struct presence, announce);
    while (send(presence, &presence->queue, false))
        ;
}

/* ---- renewals: one statement at a time, which sets the pace ---- */

static bool end_first(struct presence *presence, int64_t now_ms)
{
    if (fr_ring_is_empty(&presence->renewals))
        return false;
    struct local_user *user = user_of(presence->renewals.next);
    if (end_ms_of(presence, user) > now_ms)
        return false;
    fr_ring_remove(&user->presence.ring);
    user->presence.state = PRESENCE_NONE;
    fr_metric_add(FR_METRIC_PRESENCE_BROKEN, 1);
    presence->verbs->broken(presence->arg, user);
    return true;
}

static void on_renew(struct fr_timer *timer)
{
    struct presence *presence = FR_CONTAINER_OF(timer, struct presence, renew);
    int64_t now_ms = fr_clock_monotonic_ms();
    while (end_first(presence, now_ms))
        ;
    if (!presence->renewing && now_ms >= presence->retry_ms)
        presence->renewing = send(presence, &presence->renewals, true);
    schedule(presence);
}

static void schedule(struct presence *presence)
{
    if (fr_ring_is_empty(&presence->renewals)) {
        fr_timer_stop(&presence->renew);
        return;
    }
    const struct local_user *first = user_of(presence->renewals.next);
    int64_t due_ms = end_ms_of(presence, first);
    if (!presence->renewing) {
        int64_t turn_ms = turn_ms_of(presence, first);
        turn_ms = turn_ms > presence->retry_ms ? turn_ms : presence->retry_ms;
        due_ms = turn_ms < due_ms ? turn_ms : due_ms;
    }
    fr_timer_start(presence->loop, &presence->renew, due_ms - fr_clock_monotonic_ms(), on_renew);
}

/* ---- the hub's side ---- */

void fr_delivery_presence_init(struct presence *presence, struct fr_loop *loop, struct fr_store *store,
                               const struct id_table *users, int64_t resume_window_ms,
                               const struct presence_verbs *verbs, void *arg)
{
    *presence = (struct presence){.loop = loop,
                                  .store = store,
                                  .users = users,
                                  .verbs = verbs,
                                  .arg = arg,
                                  .lasts_ms = resume_window_ms + resume_window_ms / 2,
                                  .every_ms = resume_window_ms / 4};
    fr_ring_init(&presence->queue);
    fr_ring_init(&presence->renewals);
}

void fr_delivery_presence_release(struct presence *presence)
{
    fr_timer_stop(&presence->renew);
    fr_task_cancel(&presence->announce);
}

enum fr_status fr_delivery_presence_want(struct presence *presence, struct local_user *user)
{
    switch (user->presence.state) {
    case PRESENCE_NONE:
        user->presence.state = PRESENCE_QUEUED;
        fr_ring_add(&presence->queue, &user->presence.ring);
        fr_task_defer(presence->loop, &presence->announce, on_announce);
        return FR_CANCELLED;
    case PRESENCE_QUEUED:
    case PRESENCE_ANNOUNCING:
        return FR_CANCELLED;
    case PRESENCE_PRESENT:
    case PRESENCE_RENEWING:
        /* Renewals have failed for a while: what is left would be too short when this connection ends. */
        if (fr_clock_monotonic_ms() > turn_ms_of(presence, user) + presence->every_ms)
            return FR_UNAVAILABLE;
        return FR_OK;
    }
    return FR_INTERNAL;
}

void fr_delivery_presence_leave(struct presence *presence, struct local_user *user)
{
    fr_ring_remove(&user->presence.ring);
    user->presence.state = PRESENCE_NONE;
    user->presence.statement = 0;
    schedule(presence);
}
