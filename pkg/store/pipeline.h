/* pipeline: what makes up struct fr_store. Private to the store; everything here belongs to the loop's
 * thread.
 *
 *   group       statements that are one transaction, with their encoded parameters, from submission to
 * callback lane        groups whose key has the same home, in order; one for each connection. A lane sends on
 * one connection at a time: on its home, or while that is down on another; it changes only when nothing of it
 * is on its way. That keeps the order of a key whatever happens to connections. unit        what lies between
 * two synchronisation points on the wire: now one group, or the preparing of a statement; several groups that
 * share a transaction would be one unit as well connection  units on their way, in order, and the state of
 * one libpq connection
 *
 * A group waits in its lane, is on its way in a connection, or waits to be repeated; always it is also in the
 * store's list of all groups, which is in order of submission and so, as all have the same time, of deadline.
 */
#ifndef FR_STORE_PIPELINE_H
#define FR_STORE_PIPELINE_H

#include "loop/loop.h"
#include "store/pq.h"

/* ---- rings ---- */
struct link {
    struct link *next, *prev;
};

static inline void link_init(struct link *ring)
{
    ring->next = ring->prev = ring;
}

static inline bool link_is_empty(const struct link *ring)
{
    return ring->next == ring;
}

static inline void link_append(struct link *ring, struct link *item)
{
    item->prev = ring->prev;
    item->next = ring;
    ring->prev->next = item;
    ring->prev = item;
}

static inline void link_prepend(struct link *ring, struct link *item)
{
    link_append(ring->next, item);
}

static inline void link_remove(struct link *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    item->next = item->prev = item;
}

/* ---- groups ---- */
enum group_repeat {
    REPEAT_NEVER,
    REPEAT_LATER, /* deadlock, serialization: the others must get through first */
    REPEAT_NOW,   /* the plan was stale and is forgotten by now */
};

enum group_place { PLACE_LANE, PLACE_CONNECTION, PLACE_REPEATS };

struct unit {
    struct link link;       /* in connection.units */
    struct fr_group *group; /* NULL: the preparing of `sql` */
    enum fr_sql sql;
    unsigned generation;
};

struct fr_group {
    struct link age;   /* in fr_store.groups */
    struct link place; /* in lane.waiting or fr_store.repeats */
    enum group_place at;
    struct unit unit;
    struct connection *connection; /* while on its way */
    struct lane *lane;
    uint64_t number; /* in order of submission */
    fr_store_done_fn done;
    void *arg;
    int64_t deadline_ms; /* monotonic, as repeat_at_ms */
    int64_t repeat_at_ms;
    unsigned repeats;
    char *data; /* of the encoded values */
    size_t count;
    /* What has come back so far. */
    size_t taken;
    enum fr_status status; /* of the first failure */
    enum group_repeat repeat;
    struct fr_error error;
    struct fr_result *results[FR_STORE_STATEMENTS_MAX];
    unsigned generations[FR_STORE_STATEMENTS_MAX]; /* of the plans it was sent with */
    struct fr_encoded encoded[];
};

/* Encodes; `scratch` is empty and stays the caller's. */
FR_WARN_UNUSED enum fr_status group_new(struct fr_buf *scratch, const struct fr_query *queries, size_t count,
                                        struct fr_group **ret, struct fr_error *error);
void group_free(struct fr_group *group);
/* Takes ownership of a result that is no synchronisation point. */
void group_take_result(struct fr_group *group, PGresult *result);
void group_fail(struct fr_group *group, enum fr_status status, const struct fr_error *error);
/* Forgets what came back, so that it can be sent again. */
void group_rewind(struct fr_group *group);

/* ---- connections ---- */
enum connection_state {
    CONNECTION_RESTING, /* down; the timer ends the rest */
    CONNECTION_DIALING, /* the timer is its limit */
    CONNECTION_UP,
};
#define CONNECTION_STATES (CONNECTION_UP + 1)

/* Units on their way of one connection: enough to keep the server busy over a round trip, few enough that
 * those behind can still go elsewhere when it breaks. */
#define CONNECTION_UNITS_MAX 64

struct connection {
    struct fr_store *store;
    int index;
    enum connection_state state;
    PGconn *pg; /* NULL while resting */
    struct fr_watch watch;
    struct fr_timer timer;
    unsigned failures; /* since it was up */
    bool told_down;    /* the log has a line about it */
    bool unflushed;
    struct link units;
    size_t unit_count;
    struct {
        unsigned generation;
        bool sent;              /* prepared, or its preparing is on the way before whatever is sent next */
        struct fr_error *error; /* why the last preparing failed; NULL: it did not */
    } prepared[FR_SQL_COUNT];
};

void connection_start(struct connection *connection, struct fr_store *store, int index);
/* Without a word to its units, which the caller has taken care of. */
void connection_stop(struct connection *connection);
/* False: the connection broke, the group was not sent as a whole and so did nothing; the caller puts it back
 * and then calls connection_lose(). */
FR_WARN_UNUSED bool connection_send(struct connection *connection, struct fr_group *group,
                                    struct fr_error *error);
/* Writes what was sent since. */
void connection_flush(struct connection *connection);
/* Hangs up and dials again after a while; its groups are finished with `error`, or what they failed with
 * before. */
void connection_lose(struct connection *connection, const struct fr_error *error);

/* ---- the store ---- */
struct lane {
    struct link waiting;
    struct connection *home, *bound; /* bound: where it sends */
    size_t on_the_way;
};

struct fr_store {
    struct fr_loop *loop;
    char *conninfo, *application_name;
    struct fr_session_options connect_options; /* borrows the two above */
    size_t queue_max, queued;
    int64_t group_timeout_ms;
    int count, up;
    int64_t down_since_ms; /* monotonic; while none is up */
    bool closing;
    uint64_t random;
    uint64_t submitted;
    struct link groups, repeats, refusals;
    struct fr_task pump, refuse;
    struct fr_timer deadline, repeat;
    struct fr_buf scratch;
    struct connection *connections;
    struct lane *lanes;
};

/* What connections tell the store. A group that finished is repeated, or answered and freed. */
void store_group_finished(struct fr_store *store, struct fr_group *group);
void store_connection_up(struct fr_store *store);
void store_connection_down(struct fr_store *store);
void store_want_pump(struct fr_store *store);
/* Evenly within [low, high]. */
int64_t store_random_between(struct fr_store *store, int64_t low, int64_t high);

#endif
