/* session: what the files of the blocking session share. Private to the store. */
#ifndef FR_STORE_SESSION_H
#define FR_STORE_SESSION_H

#include <stdatomic.h>

#include "store/pq.h"

enum { SESSION_ENCODE_MAX = 64 << 20, SESSION_COPY_CHUNK = 64 << 10 };

struct fr_session {
    PGconn *pg;
    PGcancel *cancel; /* any thread may use it */
    atomic_bool cancelled;
    int64_t began_ms;               /* the round trip under way */
    int64_t heard_ms;               /* and the last that was answered */
    struct {                        /* by fr_session_send(), not collected */
        struct fr_encoded *encoded; /* NULL: nothing */
        size_t count;
        bool in_transaction;
    } sent;
    struct fr_buf encoded;               /* of the call that runs, or of the COPY */
    const struct fr_sql_statement *copy; /* NULL: none runs */
    struct {
        unsigned generation;
        bool ready;
    } prepared[FR_SQL_COUNT];
};

/* Several statements without parameters, as a migration has them, by the simple protocol: one transaction
 * unless one is open already. */
FR_WARN_UNUSED enum fr_status fr_session_run_script(struct fr_session *session, const char *what,
                                                    const char *script, struct fr_error *error);
/* As fr_pq_result_error(), and tells a cancel that was asked for from a timeout. */
enum fr_status fr_session_result_error(struct fr_session *session, const PGresult *result, const char *what,
                                       struct fr_error *error);
/* Prepares the statement and has the server describe it: FR_PROTOCOL naming the parameter or column that the
 * server sees otherwise than the header of the file says. For tests: a wrong header is found without its
 * statement being run. */
FR_WARN_UNUSED enum fr_status fr_session_check_statement(struct fr_session *session, enum fr_sql sql,
                                                         struct fr_error *error);
/* Ends the connection for good, as when answers were read half. The session itself stays for its owner to
 * close. */
void fr_session_abandon(struct fr_session *session);

#endif
