#include "calls.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct call {
    uint64_t serial; /* 0: free */
    int64_t deadline_ms;
    uint32_t older, newer; /* slot + 1; `newer` also links the free ones */
    struct call_tag tag;
};

static void on_reply(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg);

enum fr_status calls_init(struct calls *calls, natsConnection *nc, const struct calls_bounds *bounds,
                          calls_done_fn done, void *owner, struct fr_error *error)
{
    natsInbox *inbox = NULL;
    natsStatus s = natsInbox_Create(&inbox);
    if (s != NATS_OK)
        return fr_error_set(error, FR_INTERNAL, NULL, "no inbox: %s", natsStatus_GetText(s));
    *calls = (struct calls){.nc = nc,
                            .done = done,
                            .owner = owner,
                            .capacity = bounds->capacity,
                            .bytes_max = bounds->bytes > 0 ? bounds->bytes : SIZE_MAX,
                            .timeout_ms = bounds->timeout_ms > 0 ? bounds->timeout_ms : CALL_TIMEOUT_MS,
                            .free_head = 1};
    calls->slots = fr_alloc_array(calls->capacity, sizeof *calls->slots);
    for (uint32_t i = 0; i < calls->capacity; i++)
        calls->slots[i].newer = i + 1 < calls->capacity ? i + 2 : 0;
    pthread_mutex_init(&calls->lock, NULL);
    struct fr_buf prefix;
    fr_buf_init(&prefix, 256);
    fr_buf_printf(&prefix, "%s.", inbox);
    natsInbox_Destroy(inbox);
    calls->prefix = fr_buf_detach(&prefix, &calls->prefix_len);
    char subject[256];
    snprintf(subject, sizeof subject, "%s*", calls->prefix);
    /* Without a bound of the library's: each call has one reply, and calls are bounded. */
    enum fr_status status = subscription_start(&calls->inbox, nc, subject, -1, -1, on_reply, calls, error);
    if (status != FR_OK)
        calls_release(calls);
    return status;
}

void calls_release(struct calls *calls)
{
    if (calls->slots == NULL)
        return;
    subscription_stop(&calls->inbox);
    calls_fail_all(calls);
    pthread_mutex_destroy(&calls->lock);
    free(calls->slots);
    free(calls->prefix);
    *calls = (struct calls){0};
}

/* Takes a free slot and appends it to the list of open calls. 0: there is no room. */
static uint64_t open_call(struct calls *calls, const struct call_tag *tag)
{
    uint64_t token = 0;
    pthread_mutex_lock(&calls->lock);
    uint32_t slot = calls->free_head;
    if (slot != 0 && tag->bytes <= calls->bytes_max - calls->bytes) {
        struct call *call = &calls->slots[slot - 1];
        calls->free_head = call->newer;
        *call = (struct call){.serial = ++calls->serial,
                              .deadline_ms = fr_clock_monotonic_ms() + calls->timeout_ms,
                              .older = calls->newest,
                              .tag = *tag};
        if (calls->newest != 0)
            calls->slots[calls->newest - 1].newer = slot;
        else
            calls->oldest = slot;
        calls->newest = slot;
        calls->pending++;
        calls->bytes += tag->bytes;
        token = call->serial * calls->capacity + (slot - 1);
    }
    pthread_mutex_unlock(&calls->lock);
    return token;
}

/* With the lock held: the call leaves the table. */
static void close_call(struct calls *calls, uint32_t slot, struct call_tag *ret_tag)
{
    struct call *call = &calls->slots[slot - 1];
    *ret_tag = call->tag;
    if (call->older != 0)
        calls->slots[call->older - 1].newer = call->newer;
    else
        calls->oldest = call->newer;
    if (call->newer != 0)
        calls->slots[call->newer - 1].older = call->older;
    else
        calls->newest = call->older;
    call->serial = 0;
    call->newer = calls->free_head;
    calls->free_head = slot;
    calls->pending--;
    calls->bytes -= ret_tag->bytes;
}

/* False if it has been answered already. */
static bool take_call(struct calls *calls, uint64_t token, struct call_tag *ret_tag)
{
    uint32_t slot = (uint32_t)(token % calls->capacity) + 1;
    uint64_t serial = token / calls->capacity;
    pthread_mutex_lock(&calls->lock);
    bool open = serial != 0 && calls->slots[slot - 1].serial == serial;
    if (open)
        close_call(calls, slot, ret_tag);
    pthread_mutex_unlock(&calls->lock);
    return open;
}

static natsStatus publish_once(natsConnection *nc, const char *subject, const char *reply, const char *id,
                               struct fr_str data)
{
    natsMsg *msg = NULL;
    natsStatus s = natsMsg_Create(&msg, subject, reply, data.data, (int)data.len);
    if (s == NATS_OK)
        s = natsMsgHeader_Set(msg, "Nats-Msg-Id", id);
    if (s == NATS_OK)
        s = natsConnection_PublishMsg(nc, msg);
    natsMsg_Destroy(msg);
    return s;
}

/* `id` NULL: without a header. */
static enum fr_status send_call(struct calls *calls, const char *subject, const char *id, struct fr_str data,
                                const struct call_tag *tag, struct fr_error *error)
{
    struct call_tag sized = *tag;
    sized.bytes = data.len;
    uint64_t token = open_call(calls, &sized);
    if (token == 0)
        return fr_error_set(error, FR_FULL, NULL,
                            "%" PRIu32 " requests or %zu bytes of them wait for an answer of NATS",
                            calls->capacity, calls->bytes_max);
    char reply[256];
    snprintf(reply, sizeof reply, "%s%" PRIu64, calls->prefix, token);
    natsStatus s = id != NULL
                       ? publish_once(calls->nc, subject, reply, id, data)
                       : natsConnection_PublishRequest(calls->nc, subject, reply, data.data, (int)data.len);
    /* Should the connection have broken meanwhile, and the call have been answered for that reason, it was
     * accepted. */
    struct call_tag unused;
    if (s == NATS_OK || !take_call(calls, token, &unused))
        return FR_OK;
    return fr_error_set(error, FR_UNAVAILABLE, NULL, "NATS: %s", natsStatus_GetText(s));
}

enum fr_status calls_send(struct calls *calls, const char *subject, struct fr_str data,
                          const struct call_tag *tag, struct fr_error *error)
{
    return send_call(calls, subject, NULL, data, tag, error);
}

enum fr_status calls_send_once(struct calls *calls, const char *subject, const char *id, struct fr_str data,
                               const struct call_tag *tag, struct fr_error *error)
{
    return send_call(calls, subject, id, data, tag, error);
}

static void on_reply(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
    struct calls *calls = arg;
    struct fr_str subject = fr_str_of(natsMsg_GetSubject(msg));
    int64_t token;
    struct call_tag tag;
    if (subject.len > calls->prefix_len &&
        fr_str_to_i64((struct fr_str){subject.data + calls->prefix_len, subject.len - calls->prefix_len}, 1,
                      INT64_MAX, &token) == FR_OK &&
        take_call(calls, (uint64_t)token, &tag)) {
        if (natsMsg_IsNoResponders(msg))
            calls->done(calls->owner, &tag, FR_UNAVAILABLE, FR_STR_NONE);
        else
            calls->done(calls->owner, &tag, FR_OK,
                        (struct fr_str){natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)});
    }
    natsMsg_Destroy(msg);
}

bool calls_full(struct calls *calls)
{
    pthread_mutex_lock(&calls->lock);
    bool full = calls->free_head == 0;
    pthread_mutex_unlock(&calls->lock);
    return full;
}

/* Answers the oldest ones, while they are due and not younger than `last`. */
static void answer_oldest(struct calls *calls, int64_t now_ms, uint64_t last, enum fr_status status)
{
    for (;;) {
        struct call_tag tag;
        bool found = false;
        pthread_mutex_lock(&calls->lock);
        if (calls->oldest != 0) {
            const struct call *call = &calls->slots[calls->oldest - 1];
            if (call->deadline_ms <= now_ms && call->serial <= last) {
                close_call(calls, calls->oldest, &tag);
                found = true;
            }
        }
        pthread_mutex_unlock(&calls->lock);
        if (!found)
            return;
        calls->done(calls->owner, &tag, status, FR_STR_NONE);
    }
}

void calls_expire(struct calls *calls)
{
    answer_oldest(calls, fr_clock_monotonic_ms(), UINT64_MAX, FR_TIMEOUT);
}

void calls_fail_all(struct calls *calls)
{
    pthread_mutex_lock(&calls->lock);
    uint64_t last = calls->serial;
    pthread_mutex_unlock(&calls->lock);
    answer_oldest(calls, INT64_MAX, last, FR_UNAVAILABLE);
}
