/* Who the generated people are, when they post, and what. Each is computed from the seed and the user's
 * number alone. */
#ifndef FR_CTL_GENERATED_PEOPLE_H
#define FR_CTL_GENERATED_PEOPLE_H

#include "base/base.h"

enum {
    GENERATED_DAYS = 30, /* posts lie within so many days before the end */
    GENERATED_TEXT_MAX = 256,
    /* An id's lower bits, those of node and sequence, are the author's number: so ids of different authors
     * differ, and an id names its author. Authors were generated into an empty database, so nobody else's ids
     * are there to meet. */
    GENERATED_AUTHOR_BITS = FR_SNOWFLAKE_NODE_BITS + FR_SNOWFLAKE_SEQUENCE_BITS,
};

struct people_options {
    uint64_t seed;
    int64_t posts_min, posts_max;
    int64_t end_ms; /* Unix time: all posts are older; GENERATED_DAYS after the epoch of the ids or later */
};

struct person {
    const char *first_name, *second_name, *city; /* static */
    int32_t birthdate;                           /* days since 1970 */
};

struct person people_describe(const struct people_options *options, int64_t user);
/* When everybody came and all follows were made: the first posts are later. Unix time. */
int64_t people_start_ms(const struct people_options *options);
size_t people_post_count(const struct people_options *options, int64_t user);
/* The user's post ids, rising; `ret_ids` has room for posts_max + 1. Returns their number. */
size_t people_post_ids(const struct people_options *options, int64_t user, int64_t *ret_ids);
int64_t people_author_of(int64_t post_id);
/* Borrowed from `room`. */
struct fr_str people_text(const struct people_options *options, int64_t post_id,
                          char room[static GENERATED_TEXT_MAX]);

#endif
