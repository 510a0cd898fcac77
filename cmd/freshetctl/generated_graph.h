/* Who follows whom in generated data. The graph is never held as a whole: it is a walk over the followers,
 * user by user, that can be made again and again and is always the same for the same options. So memory is
 * some 50 bytes per user.
 *
 * Users are 1..users. Without a number of celebrities, followed people are drawn from all alike, or by a Zipf
 * law, and whoever has more followers than the threshold is a celebrity. With one, exactly so many are: the
 * j-th of them is followed by the j-th part of half of the users (by the law's share, with Zipf), but by a
 * fifth more than the threshold at least; if all the follows would not fit below the threshold otherwise,
 * celebrities take what is too much. Nobody else is followed by more people than the threshold.
 */
#ifndef FR_CTL_GENERATED_GRAPH_H
#define FR_CTL_GENERATED_GRAPH_H

#include "base/base.h"

enum {
    GENERATED_USERS_MAX = 1000000,
    GENERATED_CELEBRITIES_MAX = 10000,
    GENERATED_ZIPF_MIN_PERCENT = 10,
    GENERATED_ZIPF_MAX_PERCENT = 150,
};

/* What the random streams of generated data are for. Never renumbered: that would change the data. */
enum generated_purpose {
    GENERATED_FOLLOW_COUNT = 1,
    GENERATED_FOLLOWED = 2,
    GENERATED_RANK = 3,
    GENERATED_PERSON = 4,
    GENERATED_POST_COUNT = 5,
    GENERATED_POST_TIME = 6,
    GENERATED_TEXT = 7,
};

struct graph_options {
    uint64_t seed;
    int64_t users; /* 2..GENERATED_USERS_MAX */
    int64_t follows_min, follows_max;
    int64_t celebrities; /* -1: as it falls */
    double zipf;         /* the exponent; 0: all alike */
    int64_t threshold;   /* celebrities have more followers */
};

struct graph;

/* Draws what has to be known before the walk and walks once to count. FR_INVALID, with a message that begins
 * with the option at fault, if there is no such graph. `keep_on` is asked now and then; false ends with
 * FR_CANCELLED. */
FR_WARN_UNUSED enum fr_status graph_new(const struct graph_options *options, bool (*keep_on)(void *arg),
                                        void *arg, struct graph **ret, struct fr_error *error);
void graph_free(struct graph *graph);

int64_t graph_edges(const struct graph *graph);
int64_t graph_celebrity_count(const struct graph *graph);
/* The celebrity with the fewest and with the most followers; 0 if there is none. */
void graph_celebrity_range(const struct graph *graph, int64_t *ret_least, int64_t *ret_most);
/* Of user 1..users. */
int64_t graph_follower_count(const struct graph *graph, int64_t user);
bool graph_is_celebrity(const struct graph *graph, int64_t user);

/* Begins the walk anew, at user 1. */
void graph_rewind(struct graph *graph);
/* The followed of the next user, user 1 first, in no order; borrowed until the next call. False after the
 * last user. */
bool graph_next(struct graph *graph, const uint32_t **ret_followed, size_t *ret_count);

#endif
