/* The gateway's keeper: a thread for what blocks. It checks the schema once the database is there, leases the
 * node number of the ids and renews it, and declares the streams once NATS is there. */
#ifndef FR_GATEWAY_KEEPER_H
#define FR_GATEWAY_KEEPER_H

#include "base/base.h"

struct fr_bus;
struct fr_server;
struct fr_settings;
struct keeper;

struct keeper_options {
    const struct fr_settings *settings;
    struct fr_bus *bus;
    struct fr_server *server;
    const char *holder; /* names this gateway in the lease */
    /* The database is one that this program must not touch. On the keeper's thread, once; it ends then. */
    void (*refused)(void *arg, const struct fr_error *error);
    void *arg;
};

FR_WARN_UNUSED enum fr_status keeper_start(const struct keeper_options *options, struct keeper **ret,
                                           struct fr_error *error);
/* Any thread: the schema was checked. */
bool keeper_schema_ready(const struct keeper *keeper);
/* Any thread: the lease holds. */
bool keeper_ids_ready(const struct keeper *keeper);
/* Joins the thread; it sends nothing to the server any more. NULL is fine. */
void keeper_stop(struct keeper *keeper);
/* After the server is gone, which made ids to the end: gives the lease back. NULL is fine. */
void keeper_free(struct keeper *keeper);

#endif
