#include "http/debug_connections.h"

#include <netdb.h>
#include <stdlib.h>

#include "http/live.h"
#include "http/query.h"

enum {
    LINE_MAX_BYTES = 512,
    HEAD_MAX_BYTES = 4096,
};

/* ---- what a loop tells ---- */

struct seen {
    uint64_t number, frames;
    int64_t user_id, age_ms, slow_ms; /* slow -1: keeps up */
    size_t bytes_queued;
    enum fr_live_carrier carrier;
    enum fr_live_phase phase;
    enum fr_encoding encoding;
    int loop;
    bool http2, tls;
    struct sockaddr_storage peer;
    socklen_t peer_len; /* 0: unknown */
};

struct part {
    bool told;
    size_t live, by_carrier[FR_LIVE_CARRIERS];
    struct seen *seen;
    size_t seen_count;
};

/* Shared by the admin listener and the loops; gone when all have let it go. */
struct ask {
    struct fr_mail mail; /* once all have told */
    struct fr_ring ring; /* debug->asked */
    struct fr_timer timer;
    h2o_req_t *req; /* NULL: its client left */
    struct ask **of_req;
    struct fr_server *server;
    size_t limit;
    pthread_mutex_t lock;
    struct fr_debug *debug; /* under the lock; NULL: nobody waits any more */
    int holders, told;      /* under the lock */
    int loop_count;
    struct part parts[];
};

struct question {
    struct fr_loop_mail super;
    struct ask *ask;
};

static void let_go(struct ask *ask)
{
    pthread_mutex_lock(&ask->lock);
    bool last = --ask->holders == 0;
    pthread_mutex_unlock(&ask->lock);
    if (!last)
        return;
    for (int i = 0; i < ask->loop_count; i++)
        free(ask->parts[i].seen);
    pthread_mutex_destroy(&ask->lock);
    free(ask);
}

/* ---- on the loops ---- */

static void see(const struct fr_http_loop *home, struct fr_live *live, int64_t now_ms, struct seen *out)
{
    struct fr_live_carriage carriage = {0};
    if (live->accepted) {
        live->verbs->describe(live, &carriage);
    } else if (live->call != NULL && live->call->req != NULL) {
        carriage.sock = fr_http_conn_of(live->call->req)->sock;
        carriage.http2 = live->call->req->version >= 0x200;
    }
    *out = (struct seen){
        .number = live->number,
        .frames = live->frames,
        .user_id = live->subscriber.user_id,
        .age_ms = now_ms - live->since_ms,
        .slow_ms = carriage.slow_since_ms != 0 ? now_ms - carriage.slow_since_ms : -1,
        .bytes_queued = carriage.bytes_queued,
        .carrier = live->carrier,
        .phase = live->phase,
        .encoding = live->subscriber.encoding,
        .loop = home->state.number,
        .http2 = carriage.http2,
        .tls = carriage.sock != NULL && carriage.sock->ssl != NULL,
    };
    out->peer_len = sizeof out->peer;
    if (carriage.sock == NULL ||
        getpeername(h2o_socket_get_fd(carriage.sock), (struct sockaddr *)&out->peer, &out->peer_len) != 0)
        out->peer_len = 0;
}

static void look(struct fr_http_loop *home, size_t limit, struct part *part)
{
    int64_t now_ms = fr_clock_monotonic_ms();
    part->live = home->live_count;
    memcpy(part->by_carrier, home->live_by_carrier, sizeof part->by_carrier);
    size_t count = 0;
    for (const struct fr_ring *at = home->lives.next; at != &home->lives && count < limit; at = at->next)
        count++;
    part->seen = fr_alloc_array(count + 1, sizeof *part->seen);
    for (struct fr_ring *at = home->lives.next; part->seen_count < count; at = at->next)
        see(home, FR_CONTAINER_OF(at, struct fr_live, ring), now_ms, &part->seen[part->seen_count++]);
}

static void on_question(struct fr_http_loop *home, struct fr_loop_mail *mail)
{
    struct question *question = FR_CONTAINER_OF(mail, struct question, super);
    struct ask *ask = question->ask;
    free(question);
    struct part part = {.told = true};
    look(home, ask->limit, &part);
    pthread_mutex_lock(&ask->lock);
    ask->parts[home->state.number] = part;
    /* Within the lock: the admin listener may not go meanwhile. */
    if (++ask->told == ask->loop_count && ask->debug != NULL) {
        ask->holders++; /* the mail */
        fr_mailbox_send_always(ask->debug->answers, &ask->mail);
    }
    pthread_mutex_unlock(&ask->lock);
    let_go(ask);
}

/* ---- the answer ---- */

static const char *carrier_name(enum fr_live_carrier carrier)
{
    switch (carrier) {
    case FR_LIVE_WEBSOCKET:
        return "websocket";
    case FR_LIVE_SSE:
        return "sse";
    case FR_LIVE_PROTOBUF:
        return "protobuf";
    }
    return "";
}

static const char *phase_name(enum fr_live_phase phase)
{
    switch (phase) {
    case FR_LIVE_OPENING:
        return "opening";
    case FR_LIVE_SNAPSHOT:
        return "snapshot";
    case FR_LIVE_FLOWING:
        return "live";
    }
    return "";
}

static const char *encoding_name(enum fr_encoding encoding)
{
    switch (encoding) {
    case FR_ENCODING_PLAIN:
        return "plain";
    case FR_ENCODING_JSON:
        return "json";
    case FR_ENCODING_PROTOBUF:
        return "protobuf";
    }
    return "";
}

static void put_address(struct fr_buf *out, const struct seen *seen)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (seen->peer_len == 0 ||
        getnameinfo((const struct sockaddr *)&seen->peer, seen->peer_len, host, sizeof host, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        fr_buf_append_text(out, "null");
        return;
    }
    bool v6 = seen->peer.ss_family == AF_INET6;
    fr_buf_printf(out, v6 ? "\"[%s]:%s\"" : "\"%s:%s\"", host, port);
}

static void put_seen(struct fr_buf *out, const struct seen *seen)
{
    fr_buf_printf(out,
                  "{\"id\":\"%llu\",\"loop\":%d,\"user_id\":\"%lld\",\"carrier\":\"%s\",\"encoding\":\"%s\","
                  "\"protocol\":\"%s\",\"tls\":%s,\"address\":",
                  (unsigned long long)seen->number, seen->loop, (long long)seen->user_id,
                  carrier_name(seen->carrier), encoding_name(seen->encoding), seen->http2 ? "h2" : "h1",
                  seen->tls ? "true" : "false");
    put_address(out, seen);
    fr_buf_printf(
        out, ",\"age_ms\":%lld,\"flow\":\"%s\",\"bytes_queued\":%zu,\"frames_sent\":%llu,\"slow_for_ms\":",
        (long long)seen->age_ms, phase_name(seen->phase), seen->bytes_queued,
        (unsigned long long)seen->frames);
    if (seen->slow_ms >= 0)
        fr_buf_append_i64(out, seen->slow_ms);
    else
        fr_buf_append_text(out, "null");
    fr_buf_append_char(out, '}');
}

static int by_number(const void *a, const void *b)
{
    const struct seen *one = *(const struct seen *const *)a, *other = *(const struct seen *const *)b;
    return one->number < other->number ? -1 : one->number > other->number;
}

/* The oldest of all loops, in order. */
static void put_list(struct fr_buf *out, const struct ask *ask)
{
    size_t count = 0;
    for (int i = 0; i < ask->loop_count; i++)
        count += ask->parts[i].seen_count;
    const struct seen **all = fr_alloc_array(count + 1, sizeof *all);
    size_t at = 0;
    for (int i = 0; i < ask->loop_count; i++) {
        for (size_t j = 0; j < ask->parts[i].seen_count; j++)
            all[at++] = &ask->parts[i].seen[j];
    }
    qsort(all, count, sizeof(all[0]), by_number);
    fr_buf_append_text(out, ",\"live_connections\":[");
    for (size_t i = 0; i < count && i < ask->limit; i++) {
        if (i > 0)
            fr_buf_append_text(out, ",\n");
        put_seen(out, all[i]);
    }
    fr_buf_append_text(out, "]}\n");
    free(all);
}

static void put_totals(struct fr_buf *out, const struct ask *ask)
{
    struct part sum = {0};
    fr_buf_printf(out, "{\"loops\":%d,\"silent_loops\":[", ask->loop_count);
    const char *separator = "";
    for (int i = 0; i < ask->loop_count; i++) {
        const struct part *part = &ask->parts[i];
        if (!part->told) {
            fr_buf_printf(out, "%s%d", separator, i);
            separator = ",";
        }
        sum.live += part->live;
        for (size_t carrier = 0; carrier < FR_COUNT_OF(sum.by_carrier); carrier++)
            sum.by_carrier[carrier] += part->by_carrier[carrier];
    }
    fr_buf_printf(out, "],\"connections\":%lld,\"live\":%zu,\"by_carrier\":{",
                  atomic_load(&ask->server->connections), sum.live);
    for (size_t carrier = 0; carrier < FR_COUNT_OF(sum.by_carrier); carrier++)
        fr_buf_printf(out, "%s\"%s\":%zu", carrier > 0 ? "," : "",
                      carrier_name((enum fr_live_carrier)carrier), sum.by_carrier[carrier]);
    fr_buf_printf(out, "},\"limit\":%zu", ask->limit);
}

/* Nobody waits any more, or everything is there. */
static void close_ask(struct ask *ask, bool answer)
{
    struct fr_debug *debug = ask->debug;
    fr_timer_stop(&ask->timer);
    fr_ring_remove(&ask->ring);
    debug->asked_count--;
    h2o_req_t *req = ask->req;
    if (ask->of_req != NULL)
        *ask->of_req = NULL;
    pthread_mutex_lock(&ask->lock);
    ask->debug = NULL;
    struct fr_buf body;
    if (answer && req != NULL) {
        fr_buf_init(&body, HEAD_MAX_BYTES + ask->limit * LINE_MAX_BYTES);
        put_totals(&body, ask);
        put_list(&body, ask);
    }
    pthread_mutex_unlock(&ask->lock);
    if (answer && req != NULL)
        debug->answer(req, 200, "application/json", &body);
    let_go(ask);
}

static void on_time_over(struct fr_timer *timer)
{
    close_ask(FR_CONTAINER_OF(timer, struct ask, timer), true);
}

static void on_answers(void *arg, struct fr_mail *mail)
{
    struct ask *ask = FR_CONTAINER_OF(mail, struct ask, mail);
    if (ask->debug != NULL) /* only this thread makes it NULL */
        close_ask(ask, true);
    let_go(ask);
}

static void on_dropped(void *arg, struct fr_mail *mail)
{
    let_go(FR_CONTAINER_OF(mail, struct ask, mail));
}

/* ---- the question ---- */

static void on_request_over(void *block)
{
    struct ask *ask = *(struct ask **)block;
    if (ask != NULL) {
        ask->req = NULL;
        ask->of_req = NULL;
    }
}

static struct ask *ask_new(struct fr_debug *debug, struct fr_server *server, h2o_req_t *req, size_t limit)
{
    struct ask *ask = fr_alloc(sizeof *ask + (size_t)server->loop_count * sizeof ask->parts[0]);
    ask->req = req;
    ask->server = server;
    ask->limit = limit;
    ask->debug = debug;
    ask->loop_count = server->loop_count;
    ask->holders = 1 + server->loop_count;
    pthread_mutex_init(&ask->lock, NULL);
    ask->of_req = h2o_mem_alloc_shared(&req->pool, sizeof(struct ask *), on_request_over);
    *ask->of_req = ask;
    fr_ring_add(&debug->asked, &ask->ring);
    debug->asked_count++;
    return ask;
}

/* A loop that ends drops its mail unread. */
static void drop_question(struct fr_loop_mail *mail)
{
    struct question *question = FR_CONTAINER_OF(mail, struct question, super);
    let_go(question->ask);
    free(question);
}

static enum fr_status read_limit(h2o_req_t *req, size_t *ret)
{
    struct fr_str raw, query = FR_STR_NONE;
    int64_t limit = FR_DEBUG_CONNECTIONS_DEFAULT;
    if (req->query_at != SIZE_MAX)
        query = (struct fr_str){req->path.base + req->query_at + 1, req->path.len - req->query_at - 1};
    if (fr_query_find(query, "limit", &raw) &&
        fr_str_to_i64(raw, 0, FR_DEBUG_CONNECTIONS_MAX, &limit) != FR_OK)
        return FR_INVALID;
    *ret = (size_t)limit;
    return FR_OK;
}

static void refuse(struct fr_debug *debug, h2o_req_t *req, int http_status, const char *why)
{
    struct fr_buf body;
    fr_buf_init(&body, HEAD_MAX_BYTES);
    fr_buf_append_text(&body, why);
    debug->answer(req, http_status, "text/plain; charset=utf-8", &body);
}

void fr_debug_connections(struct fr_debug *debug, struct fr_server *server, h2o_req_t *req)
{
    size_t limit;
    if (read_limit(req, &limit) != FR_OK) {
        refuse(debug, req, 400, "limit must be a whole number from 0 to 10000\n");
        return;
    }
    if (debug->asked_count >= FR_DEBUG_ASKED_MAX) {
        refuse(debug, req, 503, "others have asked and wait already\n");
        return;
    }
    struct ask *ask = ask_new(debug, server, req, limit);
    fr_timer_start(debug->loop, &ask->timer, FR_DEBUG_WAIT_MS, on_time_over);
    for (int i = 0; i < server->loop_count; i++) {
        struct question *question = FR_NEW(struct question);
        question->super.run = on_question;
        question->super.drop = drop_question;
        question->ask = ask;
        fr_mailbox_send_always(server->loops[i]->mails, &question->super.mail);
    }
}

void fr_debug_begin(struct fr_debug *debug, struct fr_loop *loop,
                    void (*answer)(h2o_req_t *, int, const char *, struct fr_buf *))
{
    *debug = (struct fr_debug){.loop = loop, .answer = answer};
    fr_ring_init(&debug->asked);
    debug->answers = fr_mailbox_new(loop, FR_DEBUG_ASKED_MAX, on_answers, on_dropped, debug);
}

void fr_debug_end(struct fr_debug *debug)
{
    while (!fr_ring_is_empty(&debug->asked))
        close_ask(FR_CONTAINER_OF(debug->asked.next, struct ask, ring), false);
    fr_mailbox_free(debug->answers);
}
