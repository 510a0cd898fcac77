/* statement: the table made from the folder sql at build, in the order of enum fr_sql. Private to the store.
 */
#ifndef FR_STORE_STATEMENT_H
#define FR_STORE_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "store/sql_table.h"

struct fr_sql_column {
    const char *name;
    const char *type; /* as the file's header spells it */
    unsigned oid;
};

struct fr_sql_statement {
    const char *name; /* the file's; also the name under which a connection prepares it */
    const char *text;
    bool is_copy;
    size_t param_count;
    const struct fr_sql_column *params; /* of a COPY: the columns of a row */
    size_t column_count;
    const struct fr_sql_column *columns;
};

extern const struct fr_sql_statement fr_sql_statements[FR_SQL_COUNT];

#endif
