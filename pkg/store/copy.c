/* COPY … FROM STDIN (FORMAT binary): a signature, rows of a field count and fields with their lengths, a
 * trailer. */
#include <assert.h>
#include <endian.h>

#include "store/session.h"

static const char signature[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; /* with no flags and no extension */
enum { SIGNATURE_SIZE = 11 + 4 + 4 };
_Static_assert(sizeof signature == SIGNATURE_SIZE, "the literal's own NUL is the last byte");

static void put_u16(struct fr_buf *out, unsigned value)
{
    uint16_t wire = htobe16((uint16_t)value);
    fr_buf_append(out, &wire, sizeof wire);
}

static enum fr_status flush(struct fr_session *session, struct fr_error *error)
{
    struct fr_buf *out = &session->encoded;
    if (PQputCopyData(session->pg, out->data, (int)out->len) != 1) {
        const char *name = session->copy->name;
        enum fr_status status = fr_pq_connection_error(session->pg, name, error);
        fr_session_abandon(session);
        return status;
    }
    fr_buf_reset(out);
    return FR_OK;
}

/* Reads what the COPY came to. */
static enum fr_status finish(struct fr_session *session, int64_t *ret_rows, struct fr_error *error)
{
    const char *name = session->copy->name;
    enum fr_status status = FR_OK;
    session->copy = NULL;
    for (PGresult *pg; (pg = PQgetResult(session->pg)) != NULL; PQclear(pg)) {
        if (status == FR_OK && fr_pq_is_error(pg))
            status = fr_session_result_error(session, pg, name, error);
        else if (status == FR_OK && ret_rows != NULL &&
                 fr_str_to_i64(fr_str_of(PQcmdTuples(pg)), 0, INT64_MAX, ret_rows) != FR_OK)
            status = fr_error_set(error, FR_PROTOCOL, NULL,
                                  "%s: the server did not say how many rows it took", name);
    }
    if (PQstatus(session->pg) != CONNECTION_OK) {
        if (status == FR_OK)
            fr_pq_connection_error(session->pg, name, error);
        fr_session_abandon(session);
        return FR_UNAVAILABLE;
    }
    return status;
}

enum fr_status fr_session_copy_begin(struct fr_session *session, enum fr_sql copy, struct fr_error *error)
{
    const struct fr_sql_statement *statement = &fr_sql_statements[copy];
    if (!statement->is_copy)
        return fr_error_set(error, FR_INTERNAL, NULL, "%s is not a COPY", statement->name);
    enum fr_status status = fr_session_run_script(session, statement->name, statement->text, error);
    if (status != FR_OK)
        return status;
    session->copy = statement;
    fr_buf_reset(&session->encoded);
    fr_buf_append(&session->encoded, signature, SIGNATURE_SIZE);
    return FR_OK;
}

enum fr_status fr_session_copy_row(struct fr_session *session, const struct fr_param *values, size_t count,
                                   struct fr_error *error)
{
    if (session->copy == NULL)
        return fr_error_set(error, fr_session_alive(session) ? FR_INTERNAL : FR_UNAVAILABLE, NULL,
                            "a row was given, and no COPY runs");
    enum fr_status status = fr_params_check(session->copy, values, count, error);
    if (status != FR_OK)
        return status;
    struct fr_buf *out = &session->encoded;
    put_u16(out, (unsigned)count);
    for (size_t i = 0; i < count; i++) {
        uint32_t wire = UINT32_MAX; /* -1: NULL */
        size_t at = out->len;
        fr_buf_append(out, &wire, sizeof wire);
        if (values[i].kind == FR_PARAM_NULL)
            continue;
        fr_param_encode(out, &values[i]);
        if (fr_buf_status(out) != FR_OK)
            return fr_error_set(error, FR_FULL, session->copy->params[i].name,
                                "%s: a row takes more than %d bytes", session->copy->name,
                                SESSION_ENCODE_MAX);
        wire = htobe32((uint32_t)(out->len - at - sizeof wire));
        memcpy(out->data + at, &wire, sizeof wire);
    }
    return out->len >= SESSION_COPY_CHUNK ? flush(session, error) : FR_OK;
}

enum fr_status fr_session_copy_end(struct fr_session *session, int64_t *ret_rows, struct fr_error *error)
{
    if (session->copy == NULL)
        return fr_error_set(error, fr_session_alive(session) ? FR_INTERNAL : FR_UNAVAILABLE, NULL,
                            "a COPY was ended, and none runs");
    if (fr_buf_status(&session->encoded) != FR_OK) {
        fr_error_set(error, FR_FULL, NULL, "%s: a row of it had not fitted", session->copy->name);
        fr_session_copy_abort(session);
        return FR_FULL;
    }
    put_u16(&session->encoded, UINT16_MAX);
    enum fr_status status = flush(session, error);
    if (status != FR_OK)
        return status;
    if (PQputCopyEnd(session->pg, NULL) != 1) {
        status = fr_pq_connection_error(session->pg, session->copy->name, error);
        fr_session_abandon(session);
        return status;
    }
    return finish(session, ret_rows, error);
}

void fr_session_copy_abort(struct fr_session *session)
{
    if (session->copy == NULL)
        return;
    if (PQputCopyEnd(session->pg, "given up") != 1)
        fr_session_abandon(session);
    else
        (void)(finish(session, NULL, NULL) == FR_OK);
}
