/* pq: what sessions and pipelined connections share of libpq. Private to the store. */
#ifndef FR_STORE_PQ_H
#define FR_STORE_PQ_H

#include <libpq-fe.h>

#include "store/params.h"

/* The name under which generation `generation` of a statement is prepared: a plan that the server refuses to
 * go on with is prepared anew under the next one. */
#define FR_PQ_NAME_SIZE 64
void fr_pq_statement_name(enum fr_sql sql, unsigned generation, char out[static FR_PQ_NAME_SIZE]);

/* FR_INVALID, without a word of the string. */
FR_WARN_UNUSED enum fr_status fr_pq_check_conninfo(const char *conninfo, struct fr_error *error);
/* The two ways of connecting. Never NULL; ask PQstatus(). */
PGconn *fr_pq_connect(const struct fr_session_options *options);
PGconn *fr_pq_connect_start(const struct fr_session_options *options);

/* Queue one message each, without a wait; false: PQerrorMessage() says why. `values` is what
 * fr_query_encode() made, `data` its buffer. */
FR_WARN_UNUSED bool fr_pq_send_prepare(PGconn *pg, enum fr_sql sql, unsigned generation);
FR_WARN_UNUSED bool fr_pq_send_execute(PGconn *pg, const struct fr_encoded *values, const char *data,
                                       unsigned generation);
FR_WARN_UNUSED bool fr_pq_send_sync(PGconn *pg);

/* Both fill `error` and return its status; `what` names the statement or the step. */
enum fr_status fr_pq_result_error(const PGresult *result, const char *what, struct fr_error *error);
enum fr_status fr_pq_connection_error(const PGconn *pg, const char *what, struct fr_error *error);
enum fr_status fr_pq_status_of_sqlstate(const char *sqlstate);
bool fr_pq_is_error(const PGresult *result);
bool fr_pq_sqlstate_is(const PGresult *result, const char *sqlstate);

/* Takes ownership of `pg` on FR_OK alone. FR_PROTOCOL when its columns are not the declared ones. */
FR_WARN_UNUSED enum fr_status fr_result_wrap(PGresult *pg, enum fr_sql sql, struct fr_result **ret,
                                             struct fr_error *error);
/* The command tag, such as "COMMIT". */
const char *fr_result_tag(const struct fr_result *result);

#endif
