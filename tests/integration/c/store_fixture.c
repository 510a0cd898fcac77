#include "store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/session.h"

static const char *server_url(void)
{
    const char *url = getenv("FRESHET_DATABASE_URL");
    if (url == NULL || strchr(url, '=') == NULL)
        fail_msg("FRESHET_DATABASE_URL is not set; run this under: tools/with-servers --postgres");
    return url;
}

void fixture_expect(enum fr_status expected, enum fr_status status, const struct fr_error *error,
                    const char *where)
{
    if (status != expected)
        fail_msg("%s: expected \"%s\", got \"%s\" (%s %s)", where, fr_status_name(expected),
                 fr_status_name(status), error->sqlstate, error->message);
}

struct fr_session *fixture_open(const char *conninfo)
{
    struct fr_session *session = NULL;
    const struct fr_session_options options = {.conninfo = conninfo, .application_name = "store-test"};
    EXPECT_OK(fr_session_open(&options, &session, error));
    return session;
}

void fixture_run(struct fr_session *session, const char *script)
{
    EXPECT_OK(fr_session_run_script(session, "script", script, error));
}

char *fixture_make_database(void)
{
    static int number; /* of the databases that this process made */
    char name[64], script[128], conninfo[1024];
    snprintf(name, sizeof name, "store_test_%ld_%d", (long)getpid(), ++number);
    snprintf(script, sizeof script, "CREATE DATABASE %s", name);
    struct fr_session *session = fixture_open(server_url());
    fixture_run(session, script);
    fr_session_close(session);
    snprintf(conninfo, sizeof conninfo, "%s dbname=%s", server_url(), name);
    return fr_strdup(conninfo);
}

void fixture_drop_database(char *conninfo)
{
    char script[128];
    const char *name = strrchr(conninfo, '=') + 1;
    struct fr_session *session = fixture_open(server_url());
    snprintf(script, sizeof script, "DROP DATABASE %s WITH (FORCE)", name);
    fixture_run(session, script);
    fr_session_close(session);
    free(conninfo);
}

void fixture_notes(struct fr_session *session, char *out, size_t size)
{
    struct fr_result *rows = NULL;
    size_t len = 0;
    out[0] = '\0';
    EXPECT_OK(fr_session_query(session, &FR_QUERY_NO_PARAMS(FR_SQL_TEST_NOTE_LIST), &rows, error));
    for (int i = 0; i < fr_result_rows(rows) && len < size; i++) {
        struct fr_str note = fr_result_text(rows, i, 1);
        len += (size_t)snprintf(out + len, size - len, "%s%lld=%.*s", i > 0 ? " " : "",
                                (long long)fr_result_i64(rows, i, 0), FR_STR_ARG(note));
    }
    fr_result_free(rows);
}

/* ---- the server ---- */

static char server_folder[512]; /* of tools/private-postgres, while the server is stopped */

static void run_tool(const char *verb)
{
    char command[1200];
    snprintf(command, sizeof command, "'%s/private-postgres' %s '%s'", FR_TEST_TOOLS, verb, server_folder);
    assert_int_equal(0, system(command));
}

void fixture_stop_server(const char *conninfo)
{
    struct fr_session *session = fixture_open(conninfo);
    struct fr_result *row = NULL;
    EXPECT_OK(fr_session_query(session, &FR_QUERY(FR_SQL_TEST_SETTING, FR_P_TEXT(FR_STR("data_directory"))),
                               &row, error));
    struct fr_str folder = fr_result_text(row, 0, 0);
    assert_true(folder.len > 5 && memcmp(folder.data + folder.len - 5, "/data", 5) == 0);
    snprintf(server_folder, sizeof server_folder, "%.*s", (int)(folder.len - 5), folder.data);
    fr_result_free(row);
    fr_session_close(session);
    run_tool("stop");
}

void fixture_start_server(void)
{
    run_tool("start");
}
