/* migrate: the files of schema/, embedded at build in the order of their numbers 1, 2, … Private to the
 * store. */
#ifndef FR_STORE_MIGRATE_H
#define FR_STORE_MIGRATE_H

#include "store/store.h"

struct fr_migration {
    int number;
    const char *name;
    const char *text;
};

struct fr_migration_table {
    const struct fr_migration *items;
    size_t count;
};

extern const struct fr_migration_table fr_migrations_embedded;

/* As fr_store_migrate() and fr_store_check_schema(), for any table of migrations: tests play older and newer
 * programs with them. */
FR_WARN_UNUSED enum fr_status fr_migrate_with(struct fr_session *session,
                                              const struct fr_migration_table *table,
                                              void (*progress)(void *arg, int version, const char *name),
                                              void *arg, struct fr_migration_report *ret,
                                              struct fr_error *error);
FR_WARN_UNUSED enum fr_status fr_migrate_check_with(struct fr_session *session,
                                                    const struct fr_migration_table *table,
                                                    struct fr_error *error);

#endif
