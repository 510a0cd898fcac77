#include "http/lag_reader.h"

#include <stdlib.h>

#include "config/config.h"
#include "http/http_loop.h"
#include "log/log.h"
#include "store/store.h"

/* Counting walks over the events that wait, which after a long outage are many: it takes no more than a
 * twentieth of the time, or a third while it does not come to its end. */
enum {
    INTERVAL_MS = 1000,
    TIME_SHARE = 20,
    TIME_SHARE_FAILED = 3,
    QUEUE_MAX = 1,
    STATEMENT_TIMEOUT_MS = 4000,
    GROUP_TIMEOUT_MS = 5000,
};

struct fr_lag_view {
    struct fr_ring waiting; /* struct ask */
    struct fr_lag_reading last;
};

/* Memory of its call. */
struct ask {
    struct fr_ring ring;
    struct fr_call *call;
    fr_lag_told_fn told;
};

struct fr_lag_reader {
    struct fr_http_loop *home;
    struct fr_store *store;
    struct fr_lag_reading last;
    int64_t asked_ms; /* 0: nothing is being read */
    bool failing;
};

/* ---- the first loop's side ---- */

struct told_mail {
    struct fr_loop_mail super;
    struct fr_lag_reading reading;
};

static void run_told(struct fr_http_loop *home, struct fr_loop_mail *mail);

static void tell_loops(const struct fr_lag_reader *reader)
{
    const struct fr_server *server = reader->home->server;
    for (int i = 0; i < server->loop_count; i++) {
        struct told_mail *mail = FR_NEW(struct told_mail);
        mail->super.run = run_told;
        mail->reading = reader->last;
        fr_mailbox_send_always(server->loops[i]->mails, &mail->super.mail);
    }
}

static void note_change(struct fr_lag_reader *reader, enum fr_status status, const struct fr_error *error)
{
    bool failing = status != FR_OK;
    if (failing && !reader->failing)
        FR_LOG_WARN("the lag of the partitions cannot be read", FR_KV_ERROR(error));
    if (!failing && reader->failing)
        FR_LOG_INFO("the lag of the partitions can be read again");
    reader->failing = failing;
}

static void on_lag(void *arg, enum fr_status status, const struct fr_lag *lag, const struct fr_error *error)
{
    struct fr_lag_reader *reader = arg;
    if (status == FR_CANCELLED)
        return; /* the loop ends */
    note_change(reader, status, error);
    int64_t took_ms = fr_clock_monotonic_ms() - reader->asked_ms;
    int64_t turn_ms = took_ms * (status == FR_OK ? TIME_SHARE : TIME_SHARE_FAILED);
    reader->last = (struct fr_lag_reading){
        .good = status == FR_OK,
        .asked_ms = reader->asked_ms,
        .good_till_ms = reader->asked_ms + (turn_ms > INTERVAL_MS ? turn_ms : INTERVAL_MS),
    };
    if (status == FR_OK)
        reader->last.lag = *lag;
    reader->asked_ms = 0;
    tell_loops(reader);
}

static void run_wanted(struct fr_http_loop *home, struct fr_loop_mail *mail)
{
    struct fr_lag_reader *reader = home->lag_reader;
    int64_t now_ms = fr_clock_monotonic_ms();
    free(mail);
    if (reader->asked_ms != 0)
        return; /* whoever wants it now is told with the others */
    if (now_ms < reader->last.good_till_ms) {
        tell_loops(reader);
        return;
    }
    reader->asked_ms = now_ms;
    fr_lag_read(reader->store, on_lag, reader);
}

struct fr_lag_reader *fr_lag_reader_new(struct fr_http_loop *home)
{
    const struct fr_store_options options = {
        .conninfo = home->state.settings->database_url,
        .application_name = "freshet-gateway",
        .connections = 1,
        .queue_max = QUEUE_MAX,
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
        .group_timeout_ms = GROUP_TIMEOUT_MS,
    };
    struct fr_lag_reader *reader = FR_NEW(struct fr_lag_reader);
    reader->home = home;
    reader->store = fr_store_new(home->state.loop, &options);
    return reader;
}

void fr_lag_reader_free(struct fr_lag_reader *reader)
{
    if (reader == NULL)
        return;
    fr_store_free(reader->store);
    free(reader);
}

/* ---- a loop's side ---- */

static void tell_all(struct fr_lag_view *view)
{
    while (!fr_ring_is_empty(&view->waiting)) {
        struct ask *ask = FR_CONTAINER_OF(view->waiting.next, struct ask, ring);
        fr_ring_remove(&ask->ring);
        ask->told(ask->call, &view->last);
    }
}

static void run_told(struct fr_http_loop *home, struct fr_loop_mail *mail)
{
    struct told_mail *told = FR_CONTAINER_OF(mail, struct told_mail, super);
    home->lag_view->last = told->reading;
    free(told);
    tell_all(home->lag_view);
}

void fr_call_read_lag(struct fr_call *call, fr_lag_told_fn told)
{
    struct fr_http_loop *home = call->home;
    struct fr_lag_view *view = home->lag_view;
    if (fr_clock_monotonic_ms() < view->last.good_till_ms) {
        told(call, &view->last);
        return;
    }
    bool first = fr_ring_is_empty(&view->waiting);
    struct ask *ask = fr_call_alloc(call, sizeof *ask, NULL);
    ask->call = call;
    ask->told = told;
    fr_ring_add(&view->waiting, &ask->ring);
    if (!first)
        return;
    struct fr_loop_mail *mail = FR_NEW(struct fr_loop_mail);
    mail->run = run_wanted;
    fr_mailbox_send_always(home->server->loops[0]->mails, &mail->mail);
}

struct fr_lag_view *fr_lag_view_new(void)
{
    struct fr_lag_view *view = FR_NEW(struct fr_lag_view);
    fr_ring_init(&view->waiting);
    return view;
}

void fr_lag_view_free(struct fr_lag_view *view)
{
    view->last = (struct fr_lag_reading){.good = false};
    tell_all(view);
    free(view);
}
