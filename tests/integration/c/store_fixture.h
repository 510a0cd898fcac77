/* What the store's tests share: a database of their own on the server of FRESHET_DATABASE_URL, and sessions
 * in it. */
#ifndef FR_TESTS_STORE_FIXTURE_H
#define FR_TESTS_STORE_FIXTURE_H

#include "check.h"
#include "store/store.h"

/* Makes an empty database and returns its connection string; the caller hands it to fixture_drop_database().
 */
char *fixture_make_database(void);
void fixture_drop_database(char *conninfo);
/* A session in it; anything but FR_OK fails the test. */
struct fr_session *fixture_open(const char *conninfo);
void fixture_run(struct fr_session *session, const char *script);
/* Starts and stops the private server under the test; it must have been made by tools/private-postgres. */
void fixture_stop_server(const char *conninfo);
void fixture_start_server(void);

/* Fails with what the error says unless `status` is the expected one. */
void fixture_expect(enum fr_status expected, enum fr_status status, const struct fr_error *error,
                    const char *where);
#define EXPECT_STATUS(expected, call)                             \
    do {                                                          \
        struct fr_error fixture_error = {0};                      \
        struct fr_error *error = &fixture_error;                  \
        enum fr_status fixture_status = (call);                   \
        fixture_expect((expected), fixture_status, error, #call); \
    } while (0)
#define EXPECT_OK(call) EXPECT_STATUS(FR_OK, call)
/* The notes of test_note_list as "id=note id=note". */
void fixture_notes(struct fr_session *session, char *out, size_t size);

#define FIXTURE_TABLES                                                                        \
    "CREATE TABLE test_notes (seq serial PRIMARY KEY, id bigint NOT NULL UNIQUE, note text);" \
    "CREATE TABLE test_deferred (id bigint UNIQUE DEFERRABLE INITIALLY DEFERRED);"            \
    "CREATE TABLE test_widened (id integer); INSERT INTO test_widened VALUES (7);"

#endif
