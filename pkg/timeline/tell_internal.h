/* tell, in three files for each other only:
 *
 *   tell.c     what is to be told: from hand or from the table, until it is acked and removed
 *   authors.c  authors with events, and their states
 *   wave.c     reading and publishing what many authors have to tell
 *
 * Authors are told of side by side, the events of one author one after the other: the next is sent when every
 * publish of the previous one is acked, so that a repeat cannot overtake.
 */
#ifndef FR_TIMELINE_TELL_INTERNAL_H
#define FR_TIMELINE_TELL_INTERNAL_H

#include "timeline/timeline_internal.h"

struct fr_result;

#define FR_TELL_EVENTS_MAX 2048 /* in memory; the rest waits in the table */
#define FR_TELL_BUCKETS 1024
#define FR_TELL_WAVE_MAX 128 /* authors sent to side by side */

enum fr_author_state {
    FR_AUTHOR_READY,   /* its first event is to be sent */
    FR_AUTHOR_SENDING, /* in the wave */
    FR_AUTHOR_FLYING,  /* sent, not all acked */
    FR_AUTHOR_RESTING, /* a publish failed: again after a while */
    FR_AUTHOR_TOLD,    /* all acked, or nothing to publish: the event is to be removed */
};
enum { FR_AUTHOR_STATES = FR_AUTHOR_TOLD + 1 };

struct fr_author_event {
    struct fr_author_event *next;
    struct fr_outbox_event event;
};

struct fr_author {
    int64_t author_id;
    enum fr_author_state state;
    struct fr_author_event *first, **last; /* events, the one at hand first; never empty */
    struct fr_author *bucket_next;
    struct fr_author *list_next; /* in the list of its state: ready or resting */
    int64_t rest_until_ms;
    int failures; /* in a row */
};

struct fr_author_list {
    struct fr_author *first, **last;
};

struct fr_sending {
    struct fr_author *author;
    struct fr_flight *flight;
    struct fr_buf payload;
    bool celebrity; /* one message for all */
    int row, end;   /* its recipients: rows of the wave's result */
    bool whole;     /* no more recipients behind these */
};

struct fr_tell {
    struct fr_bus *bus;
    struct fr_wake *wake;
    struct fr_outages *outages;
    uint64_t generation;
    struct fr_author *buckets[FR_TELL_BUCKETS];
    struct fr_author_list ready, resting;
    size_t events, flying;
    size_t of_partition[FR_AUTHOR_PARTITIONS]; /* events in memory */
    unsigned backlog; /* bit p: the table may hold committed events of p that are not in memory */
    struct fr_sending wave[FR_TELL_WAVE_MAX];
    size_t wave_count, wave_at;
    struct fr_result *recipients; /* of the wave: place, user */
    struct fr_author *told[FR_TELL_EVENTS_MAX];
    size_t told_count;
    bool failing, blocked;
    struct fr_outbox_event scratch[FR_BATCH_EVENTS_MAX];
};

/* ---- authors.c ---- */
/* The one place where an author changes its state. Leaving a list is the caller's part: lists are taken from
 * the front. */
void fr_author_move(struct fr_tell *tell, struct fr_author *author, enum fr_author_state to);
void fr_author_append(struct fr_author_list *list, struct fr_author *author);
struct fr_author *fr_author_take_first(struct fr_author_list *list);
void fr_author_add_event(struct fr_tell *tell, const struct fr_outbox_event *event);
/* The event at hand is over: the author's next one is its turn, or the author goes. */
void fr_author_drop_event(struct fr_tell *tell, struct fr_author *author);
void fr_authors_forget(struct fr_tell *tell);

/* ---- wave.c ---- */
/* Reads what the first ready authors have to tell, and to whom. The wave before must be over. */
FR_WARN_UNUSED enum fr_status fr_wave_start(struct fr_tell *tell, struct fr_session *session,
                                            struct fr_error *error);
/* Publishes until the wave is over or the bus has no room (tell->blocked). */
FR_WARN_UNUSED enum fr_status fr_wave_send(struct fr_tell *tell, struct fr_session *session,
                                           struct fr_error *error);
static inline bool fr_wave_is_over(const struct fr_tell *tell)
{
    return tell->wave_at == tell->wave_count;
}
void fr_wave_forget(struct fr_tell *tell);

#endif
