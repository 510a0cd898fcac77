/* The one table of streams, and what the server says about them. Pure: declare.c talks to the server. */
#ifndef FR_BUS_STREAMS_H
#define FR_BUS_STREAMS_H

#include "base/base.h"

enum stream_storage { STREAM_MEMORY, STREAM_FILE };

/* A row: one stream, or `partitions` alike. */
struct stream_kind {
    const char *name;    /* with partitions: the head of NAME_00, NAME_01 … */
    const char *subject; /* with partitions: the head of <subject>.<p>.* */
    int partitions;      /* 0: one stream with just this name and subject */
    enum stream_storage storage;
    int64_t max_age_ms; /* 0: the resume window */
    int64_t max_bytes;
    int64_t max_msgs_per_subject; /* -1: no bound */
    int32_t max_msg_size;
    int64_t max_consumers; /* always set: newer servers take 1,000 for none */
    int64_t duplicate_window_ms;
};

extern const struct stream_kind fr_bus_stream_kinds[];
extern const size_t fr_bus_stream_kind_count;

#define STREAM_NAME_SIZE 32

/* Streams of the table, numbered through all rows. */
size_t fr_bus_stream_count(void);
void fr_bus_stream_name(size_t index, char out[static STREAM_NAME_SIZE]);
/* The FEED stream's partition, or -1 for another. */
int fr_bus_stream_feed_partition(size_t index);
bool fr_bus_stream_is_celebrities(size_t index);
/* The configuration as the server wants it, JSON; the caller frees. */
char *fr_bus_stream_config(size_t index, int replicas, int64_t resume_window_ms);

/* What an answer of the $JS.API says. */
struct stream_answer {
    int64_t epoch;   /* creation time, Unix ns; 0 in an error, and for a stream that is just being made */
    int code, error; /* the server's code (as HTTP's) and err_code; 0: no error */
    char description[128]; /* of the error */
};
/* FR_PROTOCOL if it is neither an error nor a stream. */
FR_WARN_UNUSED enum fr_status fr_bus_stream_parse_answer(struct fr_str reply, struct stream_answer *ret);

/* An answer of $JS.API.STREAM.INFO. */
struct stream_state {
    int64_t epoch;
    uint64_t first, last; /* sequences */
};
/* FR_UNAVAILABLE for an error, FR_PROTOCOL if it is neither. */
FR_WARN_UNUSED enum fr_status fr_bus_stream_parse_state(struct fr_str reply, struct stream_state *ret);

/* An answer of $JS.API.STREAM.MSG.GET: the message's sequence, or 0 if there is none. FR_UNAVAILABLE for any
 * other error, FR_PROTOCOL if it is neither. */
FR_WARN_UNUSED enum fr_status fr_bus_stream_parse_message(struct fr_str reply, uint64_t *ret_sequence);

/* An answer of $JS.API.CONSUMER.CREATE: the consumer begins behind `sequence`, and had so many messages
 * before it when it was made. FR_UNAVAILABLE for an error, FR_PROTOCOL if it is neither. */
struct consumer_state {
    uint64_t sequence, pending;
};
FR_WARN_UNUSED enum fr_status fr_bus_consumer_parse_state(struct fr_str reply, struct consumer_state *ret);

/* A page of $JS.API.STREAM.LIST: notes the epoch of each stream of the table in
 * epochs[fr_bus_stream_count()]. `ret_next`: offset of the next page, or 0. */
FR_WARN_UNUSED enum fr_status fr_bus_stream_parse_list(struct fr_str reply, int64_t *epochs, size_t *ret_next,
                                                       struct fr_error *error);

#endif
