#include "store/session.h"

static enum fr_status compare(const PGresult *pg, const struct fr_sql_statement *statement,
                              struct fr_error *error)
{
    if ((size_t)PQnparams(pg) != statement->param_count)
        return fr_error_set(error, FR_PROTOCOL, NULL, "%s: has %d parameters, %zu are declared",
                            statement->name, PQnparams(pg), statement->param_count);
    for (int i = 0; i < PQnparams(pg); i++)
        if (PQparamtype(pg, i) != statement->params[i].oid)
            return fr_error_set(error, FR_PROTOCOL, statement->params[i].name,
                                "%s: parameter %d is of type %u, declared %s", statement->name, i + 1,
                                PQparamtype(pg, i), statement->params[i].type);
    if ((size_t)PQnfields(pg) != statement->column_count)
        return fr_error_set(error, FR_PROTOCOL, NULL, "%s: has %d columns, %zu are declared", statement->name,
                            PQnfields(pg), statement->column_count);
    for (int i = 0; i < PQnfields(pg); i++)
        if (PQftype(pg, i) != statement->columns[i].oid)
            return fr_error_set(error, FR_PROTOCOL, statement->columns[i].name,
                                "%s: column %d is of type %u, declared %s", statement->name, i + 1,
                                PQftype(pg, i), statement->columns[i].type);
    return FR_OK;
}

enum fr_status fr_session_check_statement(struct fr_session *session, enum fr_sql sql, struct fr_error *error)
{
    const struct fr_sql_statement *statement = &fr_sql_statements[sql];
    Oid types[FR_PARAMS_MAX];
    for (size_t i = 0; i < statement->param_count; i++)
        types[i] = statement->params[i].oid;
    /* Under the empty name, which every next one replaces. */
    PGresult *pg = PQprepare(session->pg, "", statement->text, (int)statement->param_count, types);
    enum fr_status status = FR_OK;
    if (fr_pq_is_error(pg)) {
        status = fr_session_result_error(session, pg, statement->name, error);
    } else {
        PQclear(pg);
        pg = PQdescribePrepared(session->pg, "");
        status = fr_pq_is_error(pg) ? fr_session_result_error(session, pg, statement->name, error)
                                    : compare(pg, statement, error);
    }
    PQclear(pg);
    return status;
}
