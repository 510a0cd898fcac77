#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "timeline/linger.h"
#include "timeline/timeline_internal.h"

/* An author whose event failed waits, with all later events, until it is tried again: 0.1, 0.4, 1.6, 6.4 s.
 * At most so many authors wait; past it a failed event is tried again at once. */
#define HELD_MAX 64
#define HOLD_FIRST_MS 100

/* Numbers are drawn before they are committed, so one may turn up after higher ones were handled. Looking
 * from the beginning each time would walk over all that is committed and not told, which in a long outage of
 * NATS is much: so a look starts at what was the newest between one and two of these periods ago, and every
 * now and then at the beginning. */
#define FLOOR_PERIOD_MS 10000
#define FULL_LOOK_MS 5000

struct source {
    int64_t floor, floor_next, newest;
    int64_t floor_due_ms, full_due_ms;
};

struct held {
    int64_t author_id, due_ms;
    int partition;
};

struct fr_intake {
    unsigned owned, news;        /* bit p: partition p */
    size_t batch_max, batch_now; /* events; a batch that timed out is halved */
    struct linger linger;
    int64_t celebrity_threshold;
    struct source sources[FR_AUTHOR_PARTITIONS];
    struct held held[HELD_MAX];
    size_t held_count;
    struct fr_tell *tell; /* both during a step */
    struct fr_session *session;
    struct fr_outbox_event events[FR_BATCH_EVENTS_MAX];
    size_t suspects[FR_BATCH_EVENTS_MAX]; /* places in events of those that failed before */
    size_t suspect_count;
};

struct fr_intake *fr_intake_new(int batch_events, int64_t linger_ms, int64_t celebrity_threshold)
{
    struct fr_intake *intake = FR_NEW(struct fr_intake);

    intake->batch_max = intake->batch_now = (size_t)batch_events;
    fr_timeline_linger_init(&intake->linger, linger_ms);
    intake->celebrity_threshold = celebrity_threshold;
    return intake;
}

void fr_intake_free(struct fr_intake *intake)
{
    free(intake);
}

void fr_intake_forget(struct fr_intake *intake)
{
    intake->owned = intake->news = 0;
    intake->held_count = 0;
    fr_timeline_linger_forget(&intake->linger);
}

void fr_intake_leave(struct fr_intake *intake, int partition)
{
    size_t kept = 0;

    intake->owned &= ~(1U << partition);
    intake->news &= ~(1U << partition);
    for (size_t i = 0; i < intake->held_count; i++)
        if (intake->held[i].partition != partition)
            intake->held[kept++] = intake->held[i];
    intake->held_count = kept;
}

void fr_intake_adopt(struct fr_intake *intake, int partition)
{
    intake->owned |= 1U << partition;
    intake->news |= 1U << partition;
    intake->sources[partition] = (struct source){0};
}

void fr_intake_news(struct fr_intake *intake, unsigned partitions)
{
    intake->news |= partitions & intake->owned;
}

int64_t fr_intake_wait_ms(const struct fr_intake *intake, int64_t now_ms)
{
    int64_t wait =
        (intake->news & intake->owned) != 0 ? fr_timeline_linger_left_ms(&intake->linger, now_ms) : -1;

    for (size_t i = 0; i < intake->held_count; i++) {
        int64_t left = intake->held[i].due_ms > now_ms ? intake->held[i].due_ms - now_ms : 0;
        if (wait < 0 || left < wait)
            wait = left;
    }
    return wait;
}

static void release_due_authors(struct fr_intake *intake, int64_t now_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < intake->held_count; i++) {
        if (intake->held[i].due_ms > now_ms)
            intake->held[kept++] = intake->held[i];
        else
            intake->news |= 1U << intake->held[i].partition;
    }
    intake->held_count = kept;
}

static int64_t look_from(struct source *source, int64_t now_ms)
{
    if (now_ms >= source->floor_due_ms) {
        source->floor = source->floor_next;
        source->floor_next = source->newest;
        source->floor_due_ms = now_ms + FLOOR_PERIOD_MS;
    }
    if (now_ms >= source->full_due_ms) {
        source->full_due_ms = now_ms + FULL_LOOK_MS;
        return 0;
    }
    return source->floor;
}

/* Something older than the newest was left behind. */
static void look_from_beginning(struct source *source)
{
    source->floor = source->floor_next = source->newest = 0;
}

/* Authors who were held for a flip left older events behind. */
static void release_flipped_authors(struct fr_intake *intake, unsigned released)
{
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        if ((released & intake->owned & 1U << p) != 0)
            look_from_beginning(&intake->sources[p]);
    intake->news |= released & intake->owned;
}

/* ---- what a batch tells ---- */
static void committed(void *arg, const struct fr_outbox_event *events, size_t count)
{
    struct fr_intake *intake = arg;
    int64_t now_ms = fr_clock_monotonic_ms();

    for (size_t i = 0; i < count; i++) {
        struct source *source = &intake->sources[events[i].partition];
        if (source->newest < events[i].event_id)
            source->newest = events[i].event_id;
        FR_LOG_DEBUG("event committed", FR_KV_I64("event", events[i].event_id),
                     FR_KV_I64("author", events[i].author_id), FR_KV_I64("kind", events[i].kind),
                     FR_KV_I64("subject", events[i].subject_id),
                     FR_KV_TEXT("request_id", events[i].request_id),
                     FR_KV_TEXT("traceparent", events[i].traceparent));
        if (events[i].kind == FR_OUTBOX_POST)
            fr_metric_observe(FR_METRIC_ACCEPTED_TO_COMMITTED,
                              (double)(now_ms - events[i].accepted_ms) / 1000);
    }
    fr_tell_offer(intake->tell, events, count);
}

static void meanwhile(void *arg)
{
    struct fr_intake *intake = arg;

    fr_tell_meanwhile(intake->tell, intake->session);
}

static void failed(void *arg, const struct fr_outbox_event *event, const struct fr_error *reason, bool dead)
{
    struct fr_intake *intake = arg;

    look_from_beginning(&intake->sources[event->partition]);
    intake->news |= 1U << event->partition;
    if (dead) {
        fr_metric_add(FR_METRIC_OUTBOX_DEAD, 1);
        FR_LOG_ERROR("outbox event is dead", FR_KV_I64("event", event->event_id),
                     FR_KV_I64("author", event->author_id), FR_KV_I64("kind", event->kind),
                     FR_KV_I64("subject", event->subject_id), FR_KV_TEXT("request_id", event->request_id),
                     FR_KV_TEXT("traceparent", event->traceparent), FR_KV_ERROR(reason));
        return;
    }
    FR_LOG_WARN("outbox event failed", FR_KV_I64("event", event->event_id),
                FR_KV_I64("author", event->author_id), FR_KV_I64("tries", event->tries + 1),
                FR_KV_TEXT("request_id", event->request_id), FR_KV_TEXT("traceparent", event->traceparent),
                FR_KV_ERROR(reason));
    if (intake->held_count < HELD_MAX)
        intake->held[intake->held_count++] = (struct held){
            .author_id = event->author_id,
            .due_ms = fr_clock_monotonic_ms() + ((int64_t)HOLD_FIRST_MS << (2 * event->tries)),
            .partition = event->partition,
        };
}

/* ---- one step ---- */
static enum fr_status read_events(struct fr_intake *intake, struct fr_session *session, unsigned partitions,
                                  size_t *ret_count, struct fr_error *error)
{
    struct fr_outbox_slice slices[FR_AUTHOR_PARTITIONS];
    int64_t held[HELD_MAX + FR_FLIPS_MAX], now_ms = fr_clock_monotonic_ms();
    size_t held_count, count = 0, limit = intake->batch_now / (size_t)__builtin_popcount(partitions);
    bool plenty = false;
    enum fr_status status;

    for (size_t i = 0; i < intake->held_count; i++)
        held[i] = intake->held[i].author_id;
    held_count = intake->held_count + fr_tell_held_authors(intake->tell, held + intake->held_count);
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        if ((partitions & 1U << p) != 0)
            slices[count++] = (struct fr_outbox_slice){
                .partition = p,
                .after = look_from(&intake->sources[p], now_ms),
                .held = held,
                .held_count = held_count,
                .limit = limit > 0 ? limit : 1,
            };
    status = fr_outbox_read(session, FR_OUTBOX_PENDING, slices, count, intake->events, ret_count, error);
    if (status != FR_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        if (slices[i].found == slices[i].limit) {
            intake->news |= 1U << slices[i].partition;
            plenty = true;
        }
    fr_timeline_linger_note(&intake->linger, now_ms, *ret_count, plenty);
    return FR_OK;
}

static bool is_suspect_author(const struct fr_intake *intake, int64_t author_id)
{
    for (size_t i = 0; i < intake->suspect_count; i++)
        if (intake->events[intake->suspects[i]].author_id == author_id)
            return true;
    return false;
}

/* Events that failed before are tried alone, after the others, so that they cost the others nothing; what
 * their authors did later waits. Moves the others to the front and the suspects behind them; returns how many
 * the others are. */
static size_t set_suspects_apart(struct fr_intake *intake, size_t count)
{
    struct fr_outbox_event *apart = NULL;
    size_t regular = 0;

    intake->suspect_count = 0;
    for (size_t i = 0; i < count; i++)
        if (is_suspect_author(intake, intake->events[i].author_id))
            intake->news |= 1U << intake->events[i].partition;
        else if (intake->events[i].tries > 0)
            intake->suspects[intake->suspect_count++] = i;
    if (intake->suspect_count == 0)
        return count;
    apart = fr_alloc_array(intake->suspect_count, sizeof(*apart));
    for (size_t i = 0; i < intake->suspect_count; i++)
        apart[i] = intake->events[intake->suspects[i]];
    for (size_t i = 0; i < count; i++) {
        bool stays = true;
        /* Older events of a suspect's author go before it. */
        for (size_t k = 0; k < intake->suspect_count; k++)
            if (apart[k].author_id == intake->events[i].author_id &&
                apart[k].event_id <= intake->events[i].event_id)
                stays = false;
        if (stays)
            intake->events[regular++] = intake->events[i];
    }
    memcpy(&intake->events[regular], apart, intake->suspect_count * sizeof(*apart));
    free(apart);
    return regular;
}

static enum fr_status apply_events(struct fr_intake *intake, struct fr_session *session, size_t count,
                                   struct fr_error *error)
{
    const struct fr_batch_hooks hooks = {
        .meanwhile = meanwhile, .committed = committed, .failed = failed, .arg = intake};
    size_t regular = set_suspects_apart(intake, count);
    size_t suspects = intake->suspect_count;
    enum fr_status status =
        fr_batch_apply(session, intake->events, regular, intake->celebrity_threshold, &hooks, error);

    for (size_t i = 0; status == FR_OK && i < suspects; i++)
        status = fr_batch_apply(session, &intake->events[regular + i], 1, intake->celebrity_threshold, &hooks,
                                error);
    return status;
}

enum fr_status fr_intake_step(struct fr_intake *intake, struct fr_session *session, struct fr_tell *tell,
                              bool *ret_more, struct fr_error *error)
{
    unsigned partitions;
    size_t count = 0;
    int64_t now_ms = fr_clock_monotonic_ms();
    enum fr_status status = FR_OK;

    *ret_more = false;
    release_due_authors(intake, now_ms);
    release_flipped_authors(intake, fr_tell_take_released(tell));
    partitions = intake->news & intake->owned;
    if (partitions == 0 || fr_timeline_linger_left_ms(&intake->linger, now_ms) > 0)
        return FR_OK;
    intake->news = 0;
    intake->tell = tell;
    intake->session = session;
    status = read_events(intake, session, partitions, &count, error);
    if (status == FR_OK && count > 0) {
        fr_fault_point("after_read");
        status = fr_tell_look_up(tell, session, error);
        if (status == FR_OK)
            status = apply_events(intake, session, count, error);
    }
    intake->tell = NULL;
    intake->session = NULL;
    if (status != FR_OK) {
        intake->news |= partitions;
        for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
            look_from_beginning(&intake->sources[p]);
        if (status == FR_TIMEOUT && intake->batch_now > 1)
            intake->batch_now /= 2;
        return status;
    }
    if (count > 0)
        intake->batch_now =
            intake->batch_now * 2 < intake->batch_max ? intake->batch_now * 2 : intake->batch_max;
    *ret_more = (intake->news & intake->owned) != 0 &&
                fr_timeline_linger_left_ms(&intake->linger, fr_clock_monotonic_ms()) == 0;
    return FR_OK;
}
