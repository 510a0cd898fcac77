#include "store/pq.h"

#include <assert.h>
#include <stdlib.h>

#include "log/log.h"

/* What the server tells besides answers goes to our log; libpq would print it. */
static void take_notice(void *arg, const PGresult *notice)
{
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    if (severity != NULL && strcmp(severity, "WARNING") == 0)
        FR_LOG_WARN("database warns", FR_KV_TEXT("notice", message));
    else
        FR_LOG_DEBUG("database notes", FR_KV_TEXT("severity", severity), FR_KV_TEXT("notice", message));
}

/* ---- connecting ---- */

/* As libpq tells a connection string from the bare name of a database. */
static bool is_connection_string(const char *conninfo)
{
    struct fr_str text = fr_str_of(conninfo);
    return fr_str_starts_with(text, FR_STR("postgresql://")) ||
           fr_str_starts_with(text, FR_STR("postgres://")) || strchr(conninfo, '=') != NULL;
}

enum fr_status fr_pq_check_conninfo(const char *conninfo, struct fr_error *error)
{
    PQconninfoOption *parsed = is_connection_string(conninfo) ? PQconninfoParse(conninfo, NULL) : NULL;
    bool bad = is_connection_string(conninfo) && parsed == NULL;
    PQconninfoFree(parsed);
    if (!bad)
        return FR_OK;
    /* libpq's own words quote the piece that it did not understand, which may be of the password. */
    return fr_error_set(error, FR_INVALID, "database-url", "the database connection string is malformed");
}

/* For each connection. A client whose machine vanished must not hold its locks for the hours that a kernel
 * takes to notice, nor one that hung up have its statement worked off for nobody. Statements are prepared and
 * short: to compile a plan at each execution, as the server does where it believes the plan to be dear (of a
 * table just made, say, or where a session forbids itself to read tables whole), costs a hundred times what
 * it runs. */
static const char common_server_options[] =
    " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4"
    " -c client_connection_check_interval=2000 -c jit=off";

/* `options` of the connection string or else of PGOPTIONS behind the common ones, so that they may change
 * them, and before what was asked for: a later one wins in the server. */
static char *merged_server_options(const struct fr_session_options *options)
{
    struct fr_buf merged;
    fr_buf_init(&merged, 4096);
    const char *given = getenv("PGOPTIONS");
    PQconninfoOption *parsed =
        is_connection_string(options->conninfo) ? PQconninfoParse(options->conninfo, NULL) : NULL;
    for (PQconninfoOption *o = parsed; o != NULL && o->keyword != NULL; o++)
        if (strcmp(o->keyword, "options") == 0 && o->val != NULL)
            given = o->val;
    fr_buf_append_text(&merged, common_server_options);
    if (options->generic_plans)
        fr_buf_append_text(&merged, " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off");
    if (given != NULL)
        fr_buf_printf(&merged, " %s", given);
    PQconninfoFree(parsed);
    if (options->statement_timeout_ms > 0)
        fr_buf_printf(&merged, " -c statement_timeout=%lld", (long long)options->statement_timeout_ms);
    if (options->lock_timeout_ms > 0)
        fr_buf_printf(&merged, " -c lock_timeout=%lld", (long long)options->lock_timeout_ms);
    return fr_buf_detach(&merged, NULL);
}

static PGconn *connect_with(const struct fr_session_options *options,
                            PGconn *(*verb)(const char *const *, const char *const *, int))
{
    char *server_options = merged_server_options(options);
    /* Of a keyword given twice the last counts: what stands before dbname are defaults that the connection
     * string may change, what stands behind it is ours. The keepalives are of TCP and ignored on Unix
     * sockets: a server that vanishes without a word is noticed after some 30 s. */
    const char *keywords[] = {
        "connect_timeout",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "dbname",
        "fallback_application_name",
        "client_encoding",
        "options",
        NULL,
    };
    const char *values[] = {
        "5",    "10",           "5",  "4", "30000", options->conninfo, options->application_name,
        "UTF8", server_options, NULL,
    };
    _Static_assert(FR_COUNT_OF(keywords) == FR_COUNT_OF(values), "a value for each keyword");
    PGconn *pg = verb(keywords, values, 1);
    free(server_options);
    if (pg == NULL) {
        fputs("out of memory for a database connection\n", stderr);
        abort();
    }
    PQsetNoticeReceiver(pg, take_notice, NULL);
    return pg;
}

PGconn *fr_pq_connect(const struct fr_session_options *options)
{
    return connect_with(options, PQconnectdbParams);
}

PGconn *fr_pq_connect_start(const struct fr_session_options *options)
{
    return connect_with(options, PQconnectStartParams);
}

/* ---- sending ---- */

void fr_pq_statement_name(enum fr_sql sql, unsigned generation, char out[static FR_PQ_NAME_SIZE])
{
    if (generation == 0)
        snprintf(out, FR_PQ_NAME_SIZE, "%s", fr_sql_statements[sql].name);
    else
        snprintf(out, FR_PQ_NAME_SIZE, "%s.%u", fr_sql_statements[sql].name, generation);
}

bool fr_pq_send_prepare(PGconn *pg, enum fr_sql sql, unsigned generation)
{
    const struct fr_sql_statement *statement = &fr_sql_statements[sql];
    Oid types[FR_PARAMS_MAX];
    for (size_t i = 0; i < statement->param_count; i++)
        types[i] = statement->params[i].oid;
    char name[FR_PQ_NAME_SIZE];
    fr_pq_statement_name(sql, generation, name);
    return PQsendPrepare(pg, name, statement->text, (int)statement->param_count, types) == 1;
}

bool fr_pq_send_execute(PGconn *pg, const struct fr_encoded *encoded, const char *data, unsigned generation)
{
    const char *values[FR_PARAMS_MAX];
    int lengths[FR_PARAMS_MAX], formats[FR_PARAMS_MAX];
    for (size_t i = 0; i < encoded->count; i++) {
        int len = encoded->values[i].len;
        /* A NULL pointer would mean NULL, and an empty buffer has none other. */
        const char *start = data != NULL ? data + encoded->values[i].offset : "";
        values[i] = len >= 0 ? start : NULL;
        lengths[i] = len >= 0 ? len : 0;
        formats[i] = 1;
    }
    char name[FR_PQ_NAME_SIZE];
    fr_pq_statement_name(encoded->sql, generation, name);
    return PQsendQueryPrepared(pg, name, (int)encoded->count, values, lengths, formats, 1) == 1;
}

bool fr_pq_send_sync(PGconn *pg)
{
    /* libpq before 17 writes at once with each synchronisation point; later ones leave it to the flush at the
     * end of the tick. */
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    return PQsendPipelineSync(pg) == 1;
#else
    return PQpipelineSync(pg) == 1;
#endif
}

/* ---- errors ---- */

enum fr_status fr_pq_status_of_sqlstate(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        enum fr_status status;
    } rules[] = {
        {"08", FR_UNAVAILABLE},    {"57P", FR_UNAVAILABLE},   {"53", FR_UNAVAILABLE},
        {"25006", FR_UNAVAILABLE}, {"40001", FR_UNAVAILABLE}, {"40P01", FR_UNAVAILABLE},
        {"57014", FR_TIMEOUT},     {"55P03", FR_TIMEOUT},     {"23505", FR_CONFLICT},
    };
    for (size_t i = 0; i < FR_COUNT_OF(rules); i++)
        if (strncmp(sqlstate, rules[i].prefix, strlen(rules[i].prefix)) == 0)
            return rules[i].status;
    return FR_INTERNAL;
}

/* libpq's messages end with a line feed and may have several lines, indented; ours are one sentence. */
static void flatten(char *message)
{
    char *out = message;
    for (const char *in = message; *in != '\0'; in++) {
        bool space = *in == '\n' || *in == '\t' || *in == ' ';
        if (space && (out == message || out[-1] == ' '))
            continue;
        *out++ = space ? ' ' : *in;
    }
    while (out > message && out[-1] == ' ')
        out--;
    *out = '\0';
}

enum fr_status fr_pq_result_error(const PGresult *result, const char *what, struct fr_error *error)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    /* An error without a SQLSTATE is libpq's own: the connection broke. */
    enum fr_status status = sqlstate != NULL ? fr_pq_status_of_sqlstate(sqlstate) : FR_UNAVAILABLE;
    if (message == NULL)
        message = PQresultErrorMessage(result);
    fr_error_set(error, status, NULL, "%s: %s", what, message);
    if (error != NULL) {
        flatten(error->message);
        snprintf(error->sqlstate, sizeof error->sqlstate, "%s", sqlstate != NULL ? sqlstate : "");
    }
    return status;
}

enum fr_status fr_pq_connection_error(const PGconn *pg, const char *what, struct fr_error *error)
{
    fr_error_set(error, FR_UNAVAILABLE, NULL, "%s: %s", what, PQerrorMessage(pg));
    if (error != NULL)
        flatten(error->message);
    return FR_UNAVAILABLE;
}

bool fr_pq_is_error(const PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_PIPELINE_SYNC:
    case PGRES_COPY_IN:
    case PGRES_EMPTY_QUERY:
        return false;
    case PGRES_COPY_OUT:
    case PGRES_BAD_RESPONSE:
    case PGRES_NONFATAL_ERROR:
    case PGRES_FATAL_ERROR:
    case PGRES_COPY_BOTH:
    case PGRES_SINGLE_TUPLE:
    case PGRES_PIPELINE_ABORTED:
        return true;
    }
    return true;
}

bool fr_pq_sqlstate_is(const PGresult *result, const char *sqlstate)
{
    const char *is = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return is != NULL && strcmp(is, sqlstate) == 0;
}
