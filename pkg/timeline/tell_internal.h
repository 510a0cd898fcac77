/* tell, in four files for each other only:
 *
 *   tell.c     what is to be told: from hand or from the table, until it is acked and removed
 *   authors.c  authors with events, and their states
 *   wave.c     reading and publishing what many authors have to tell
 *   flip.c     authors who become celebrities or cease to be, when they have nothing to tell for a while
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
#define FR_TELL_WAVE_MAX 512 /* authors sent to side by side: as many as a batch may bring */

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
    /* Of the event at hand: what need not be sent again. */
    bool told_live, told_outward;
    int64_t messages; /* live ones, as sent last */
};

struct fr_author_list {
    struct fr_author *first, **last;
};

struct fr_sending {
    struct fr_author *author;
    struct fr_flight *flight;
    struct fr_buf payload;
    bool outward; /* the firehose is still to be told */
    bool for_all; /* one live message, to celeb.<author> */
    int row, end; /* its recipients: rows of the wave's result; one, whatever it says, if for_all */
    bool whole;   /* no more recipients behind these */
};

/* A flip that waits in the table. */
struct fr_flip {
    int64_t author_id, event_id;
    int16_t partition, tries;
    bool wanted;      /* the author was on the wrong side of the threshold when it was found */
    bool held;        /* the author's new events wait for it */
    int64_t since_ms; /* found; or when events began to be acked again */
    int64_t acked_ms; /* the author's last event was acked; at first: found */
    int64_t due_ms;   /* after a failure: not before */
};

struct fr_flips {
    struct fr_flip waiting[FR_FLIPS_MAX];
    size_t count;
    unsigned released; /* bit p: authors of p were held, and are not any more */
    int64_t look_due_ms;
};

struct fr_tell {
    struct fr_bus *bus;
    struct fr_wake *wake;
    struct fr_tell_options options;
    uint64_t generation;
    unsigned owned; /* bit p: partition p */
    struct fr_author *buckets[FR_TELL_BUCKETS];
    struct fr_author_list ready, resting;
    size_t events, flying;
    size_t of_partition[FR_AUTHOR_PARTITIONS]; /* events in memory */
    unsigned backlog; /* bit p: the table may hold committed events of p that are not in memory */
    struct fr_sending wave[FR_TELL_WAVE_MAX];
    size_t wave_count, wave_at;
    struct fr_result *recipients;  /* of the wave: place, user */
    int64_t online, online_due_ms; /* about how many users are online; when to ask again */
    struct fr_author *told[FR_TELL_EVENTS_MAX];
    size_t told_count;
    bool failing, outward_failing, blocked;
    struct fr_flips flips;
    struct fr_outbox_event scratch[FR_BATCH_EVENTS_MAX];
};

/* ---- authors.c ---- */
/* The one place where an author changes its state. Leaving a list is the caller's part: lists are taken from
 * the front. */
void fr_author_move(struct fr_tell *tell, struct fr_author *author, enum fr_author_state to);
void fr_author_append(struct fr_author_list *list, struct fr_author *author);
struct fr_author *fr_author_take_first(struct fr_author_list *list);
/* NULL: nothing of the author is in memory. */
const struct fr_author *fr_author_find(const struct fr_tell *tell, int64_t author_id);
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

/* ---- flip.c ---- */
/* Finds flips that wait, and does those whose time has come. */
FR_WARN_UNUSED enum fr_status fr_flips_step(struct fr_tell *tell, struct fr_session *session,
                                            struct fr_error *error);
/* Everything of an event of the author was acked. */
/* Whoever owns the partition next looks after its flips. */
void fr_flips_leave(struct fr_tell *tell, int partition);
void fr_flips_note_acked(struct fr_tell *tell, int64_t author_id, int64_t now_ms);
/* How long the author must still be quiet. */
int64_t fr_flip_quiet_ms(const struct fr_tell *tell, const struct fr_flip *flip, int64_t now_ms);
/* As fr_tell_wait_ms(). */
int64_t fr_flips_wait_ms(const struct fr_tell *tell, int64_t now_ms);

#endif
