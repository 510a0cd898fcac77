/* Revoked tokens: what this process revokes itself, what it reads in the database every --revocation-poll,
 * and how its loops hear of both.
 *
 * One loop asks. The first time it reads all there is, page by page; then what was made since it asked last,
 * less an overlap, because a row may become visible later than one that was made after it. If the database's
 * clock went back (another server took over), it reads all again. While the database is away it asks less
 * often, and goes on where it was. */
#include <stdlib.h>

#include "config/config.h"
#include "graph/graph.h"
#include "http/http_loop.h"
#include "log/log.h"
#include "metrics/metrics.h"

enum {
    PAGE = 1000,
    /* A statement's time, and that of the group that it is in, end before. */
    OVERLAP_US = 15 * 1000000,
    BACK_OFF_MAX_MS = 2000,
    EXPIRE_MS = 60000,   /* how often the set is cleared of what has ended, */
    EXPIRE_STEP_MS = 20, /* a part at a time */
    END_GRACE_MS = 60000,
};

/* ---- to all loops ---- */

struct revoked_mail {
    struct fr_loop_mail super;
    size_t count;
    struct fr_revocation revocations[];
};

static void run_revoked(struct fr_http_loop *home, struct fr_loop_mail *mail)
{
    struct revoked_mail *revoked = FR_CONTAINER_OF(mail, struct revoked_mail, super);
    for (size_t i = 0; i < revoked->count; i++)
        fr_live_revoke(home, &revoked->revocations[i]);
    free(revoked);
}

/* Bounded by what comes out of the database, and what clients revoke. */
static void tell_loops(struct fr_server *server, const struct fr_revocation *revocations, size_t count)
{
    for (int i = 0; count > 0 && i < server->loop_count; i++) {
        struct revoked_mail *mail = fr_alloc(sizeof *mail + count * sizeof *revocations);
        mail->super.run = run_revoked;
        mail->count = count;
        memcpy(mail->revocations, revocations, count * sizeof *revocations);
        fr_mailbox_send_always(server->loops[i]->mails, &mail->super.mail);
    }
}

/* The set first, then the connections: whoever is let in meanwhile is asked about in the set once he can be
 * found (fr_live_begin). */
void fr_server_revoke(struct fr_server *server, const struct fr_revocation *revocations, size_t count)
{
    struct fr_revocation *news = fr_alloc_array(count + 1, sizeof *news);
    size_t news_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (fr_revocations_add(server->revocations, &revocations[i]))
            news[news_count++] = revocations[i];
    }
    tell_loops(server, news, news_count);
    free(news);
    fr_metric_set(FR_METRIC_REVOCATIONS, (int64_t)fr_revocations_count(server->revocations));
}

void fr_call_revoke(struct fr_call *call, const struct fr_revocation *revocation)
{
    fr_server_revoke(call->home->server, revocation, 1);
}

/* ---- from the database ---- */

struct fr_revocation_poll {
    struct fr_http_loop *home;
    struct fr_timer timer;
    int64_t
        asked_us; /* by the database's clock: when the last reading that came to its end began; 0: never */
    int64_t begun_us; /* the same of the one that goes on; 0: none */
    int64_t after_us; /* its place */
    char after_name[FR_REVOCATION_NAME_SIZE];
    int failures;
    struct fr_timer expiry;
    bool told_overflow;
};

static void on_poll(struct fr_timer *timer);

static void ask_again(struct fr_revocation_poll *poll, int64_t delay_ms)
{
    fr_timer_start(poll->home->state.loop, &poll->timer, delay_ms, on_poll);
}

static int64_t interval_ms(const struct fr_revocation_poll *poll)
{
    return poll->home->state.settings->revocation_poll;
}

static void note_failure(struct fr_revocation_poll *poll, const struct fr_error *error)
{
    fr_metric_add(FR_METRIC_REVOCATION_POLLS_FAILED, 1);
    if (poll->failures++ == 0)
        FR_LOG_WARN("revoked tokens cannot be read, trying again", FR_KV_ERROR(error));
    int64_t delay_ms = interval_ms(poll) << (poll->failures < 8 ? poll->failures : 8);
    int64_t most_ms = interval_ms(poll) > BACK_OFF_MAX_MS ? interval_ms(poll) : BACK_OFF_MAX_MS;
    ask_again(poll, delay_ms < most_ms ? delay_ms : most_ms);
}

static void note_overflow(struct fr_revocation_poll *poll)
{
    struct fr_revocations *set = poll->home->server->revocations;
    if (poll->told_overflow || !fr_revocations_overflowed(set))
        return;
    poll->told_overflow = true;
    FR_LOG_WARN("more revoked tokens than are kept one by one: some good ones will be refused as well",
                FR_KV_I64("kept", (int64_t)fr_revocations_count(set)));
}

/* The rows' names are ours; another one (somebody's, by hand) revokes nothing. */
static void take_rows(struct fr_revocation_poll *poll, const struct fr_graph_revocation *rows, size_t count)
{
    struct fr_revocation revocations[PAGE];
    size_t good = 0;
    for (size_t i = 0; i < count && i < PAGE; i++) {
        struct fr_revocation *revocation = &revocations[good];
        if (fr_revocation_parse(rows[i].name, revocation) != FR_OK)
            continue;
        revocation->revoked_ms = rows[i].revoked_ms;
        revocation->until_ms =
            rows[i].until_ms < INT64_MAX - END_GRACE_MS ? rows[i].until_ms + END_GRACE_MS : rows[i].until_ms;
        good++;
    }
    fr_server_revoke(poll->home->server, revocations, good);
    note_overflow(poll);
}

/* True: there is more to read at once. */
static bool move_on(struct fr_revocation_poll *poll, const struct fr_graph_revocation *rows, size_t count,
                    int64_t now_us)
{
    if (poll->begun_us == 0)
        poll->begun_us = now_us;
    if (count == PAGE) {
        const struct fr_graph_revocation *last = &rows[count - 1];
        poll->after_us = last->revoked_us;
        snprintf(poll->after_name, sizeof poll->after_name, "%.*s", FR_STR_ARG(last->name));
        return true;
    }
    bool went_back = poll->begun_us < poll->asked_us;
    poll->asked_us = went_back ? 0 : poll->begun_us;
    poll->begun_us = 0;
    poll->after_us = poll->asked_us > OVERLAP_US ? poll->asked_us - OVERLAP_US : 0;
    poll->after_name[0] = '\0';
    if (!went_back)
        fr_revocations_set_complete(poll->home->server->revocations);
    return went_back;
}

static void on_rows(void *arg, enum fr_status status, const struct fr_graph_revocation *rows, size_t count,
                    int64_t now_us, const struct fr_error *error)
{
    struct fr_revocation_poll *poll = arg;
    if (status == FR_CANCELLED)
        return; /* the loop ends */
    if (status != FR_OK) {
        note_failure(poll, error);
        return;
    }
    if (poll->failures > 0)
        FR_LOG_INFO("revoked tokens can be read again");
    poll->failures = 0;
    take_rows(poll, rows, count);
    ask_again(poll, move_on(poll, rows, count, now_us) ? 0 : interval_ms(poll));
}

static void on_poll(struct fr_timer *timer)
{
    struct fr_revocation_poll *poll = FR_CONTAINER_OF(timer, struct fr_revocation_poll, timer);
    fr_http_loop_touch(poll->home);
    fr_graph_revocations(poll->home->state.store, poll->after_us, fr_str_of(poll->after_name), PAGE, on_rows,
                         poll);
}

static void on_expiry(struct fr_timer *timer)
{
    struct fr_revocation_poll *poll = FR_CONTAINER_OF(timer, struct fr_revocation_poll, expiry);
    struct fr_revocations *set = poll->home->server->revocations;
    bool over = fr_revocations_expire_some(set, fr_clock_wall_ms());
    if (over)
        fr_metric_set(FR_METRIC_REVOCATIONS, (int64_t)fr_revocations_count(set));
    fr_timer_start(poll->home->state.loop, timer, over ? EXPIRE_MS : EXPIRE_STEP_MS, on_expiry);
}

struct fr_revocation_poll *fr_revocation_poll_new(struct fr_http_loop *home)
{
    struct fr_revocation_poll *poll = FR_NEW(struct fr_revocation_poll);
    poll->home = home;
    ask_again(poll, 0);
    fr_timer_start(home->state.loop, &poll->expiry, EXPIRE_MS, on_expiry);
    return poll;
}

void fr_revocation_poll_stop(struct fr_revocation_poll *poll)
{
    if (poll == NULL)
        return;
    fr_timer_stop(&poll->timer);
    fr_timer_stop(&poll->expiry);
}

void fr_revocation_poll_free(struct fr_revocation_poll *poll)
{
    free(poll);
}
