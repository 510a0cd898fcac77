#include "config/config.h"

#include <stdlib.h>
#include <unistd.h>

#include "check.h"

enum { ARGUMENTS_MAX = 8 };

struct outcome {
    enum fr_status status;
    struct fr_settings settings;
    enum fr_config_action action;
    int operands;
    char *argv[ARGUMENTS_MAX + 2];
    struct fr_error error;
};

/* `arguments` and `environment` end with NULL. */
static struct outcome load(enum fr_program program, const char *const *arguments,
                           const char *const *environment, bool operands)
{
    struct outcome outcome = {.action = FR_CONFIG_RUN, .argv = {(char *)(uintptr_t) "program"}};
    int argc = 1;
    for (; arguments[argc - 1] != NULL; argc++)
        outcome.argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
    outcome.argv[argc] = NULL;
    outcome.status =
        fr_config_load(program, argc, outcome.argv, (char *const *)(uintptr_t)environment, &outcome.settings,
                       &outcome.action, operands ? &outcome.operands : NULL, &outcome.error);
    return outcome;
}

static const char *const nothing[] = {NULL};

static void defaults_of_every_program_are_valid(void **state)
{
    static const enum fr_program programs[] = {FR_PROGRAM_GATEWAY, FR_PROGRAM_MATERIALIZER, FR_PROGRAM_CTL};
    for (size_t i = 0; i < FR_COUNT_OF(programs); i++) {
        struct outcome outcome = load(programs[i], nothing, nothing, false);
        if (outcome.status != FR_OK)
            fail_msg("defaults: %s", outcome.error.message);
        assert_string_equal(outcome.settings.log_level, "info");
        assert_int_equal(outcome.settings.celebrity_threshold, 500);
        assert_int_equal(outcome.settings.resume_window, 300000);
        fr_config_release(&outcome.settings);
        fr_config_release(&outcome.settings);
    }
}

static char path[] = "/tmp/freshet-test-config-XXXXXX";

static int make_file(void **state)
{
    int fd = mkstemp(path);
    static const char text[] = "# of the test\n"
                               "threads = 5\n"
                               "token-ttl = 1h\n"
                               "database-url = postgres://u:hunter2@h/d\n"
                               "workers = 999\n" /* of another program: not looked at */
                               "log-level = debug\n";
    if (fd < 0 || write(fd, text, sizeof text - 1) != (ssize_t)sizeof text - 1)
        return -1;
    close(fd);
    return 0;
}

static int drop_file(void **state)
{
    return unlink(path);
}

static void precedence(void **state)
{
    char variable[100];
    snprintf(variable, sizeof variable, "FRESHET_CONFIG=%s", path);
    const struct {
        const char *comment;
        const char *arguments[ARGUMENTS_MAX], *environment[4];
        int64_t threads;
    } rows[] = {
        {"default", {NULL}, {NULL}, 0},
        {"file", {"--config", path, NULL}, {NULL}, 5},
        {"file named by the environment", {NULL}, {variable, NULL}, 5},
        {"environment before file", {"--config", path, NULL}, {"FRESHET_THREADS=6", NULL}, 6},
        {"empty variable is none", {"--config", path, NULL}, {"FRESHET_THREADS=", NULL}, 5},
        {"flag before environment", {"--threads=7", "--config", path, NULL}, {"FRESHET_THREADS=6", NULL}, 7},
        {"flag in two arguments", {"--threads", "7", NULL}, {NULL}, 7},
        {"the last flag counts", {"--threads", "7", "--threads=8", NULL}, {NULL}, 8},
        {"an overruled value may be wrong", {"--threads=7", NULL}, {"FRESHET_THREADS=many", NULL}, 7},
        {"other variables are left alone", {NULL}, {"FRESHET_THREADSX=3", "FRESHET_RUN_DIR=/x", NULL}, 0},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct outcome outcome = load(FR_PROGRAM_GATEWAY, row->arguments, row->environment, false);
        FR_ASSERT_ROW(row, outcome.status == FR_OK);
        FR_ASSERT_ROW(row, outcome.settings.threads == row->threads);
        fr_config_release(&outcome.settings);
    }
}

static void file_holds_every_kind(void **state)
{
    const char *arguments[] = {"--config", path, NULL};
    struct outcome outcome = load(FR_PROGRAM_GATEWAY, arguments, nothing, false);
    assert_int_equal(outcome.status, FR_OK);
    assert_string_equal(outcome.settings.database_url, "postgres://u:hunter2@h/d");
    assert_string_equal(outcome.settings.log_level, "debug");
    assert_int_equal(outcome.settings.token_ttl, 3600000);
    fr_config_release(&outcome.settings);
    outcome = load(FR_PROGRAM_MATERIALIZER, arguments, nothing, false);
    assert_int_equal(outcome.status, FR_INVALID);
    assert_non_null(strstr(outcome.error.message, ":5: workers: must lie within 1 and 16, not \"999\""));
    assert_string_equal(outcome.error.field, "--workers");
    fr_config_release(&outcome.settings);
}

static void errors_name_the_place_and_no_secret(void **state)
{
    static const struct {
        const char *comment;
        const char *arguments[ARGUMENTS_MAX], *environment[2];
        const char *field, *message;
    } rows[] = {
        {"wrong value",
         {"--threads", "many"},
         {NULL},
         "--threads",
         "--threads: must be a whole number, not \"many\""},
        {"wrong variable",
         {NULL},
         {"FRESHET_THREADS=99"},
         "FRESHET_THREADS",
         "FRESHET_THREADS: must lie within 0 and 64, not \"99\""},
        {"unknown flag",
         {"--frobnicate=1"},
         {NULL},
         "--frobnicate",
         "--frobnicate: there is no such flag; see --help"},
        {"nearly a flag",
         {"--tread=1"},
         {NULL},
         "--tread",
         "--tread: there is no such flag; did you mean --threads?"},
        {"flag of another program",
         {"--workers=1"},
         {NULL},
         "--workers",
         "--workers: this program has no such setting"},
        {"value is missing",
         {"--threads"},
         {NULL},
         "--threads",
         "--threads: wants a value, as in --threads=N"},
        {"next flag is no value",
         {"--threads", "--listen"},
         {NULL},
         "--threads",
         "--threads: wants a value, as in --threads=N"},
        {"secret as a flag",
         {"--database-url=postgres://u:hunter2@h/d"},
         {NULL},
         "--database-url",
         "--database-url: a secret can't be a flag, because the list of processes would show it; set "
         "FRESHET_DATABASE_URL or put it into the config file"},
        {"secret as a flag in two",
         {"--token-keys", "a:hunter2"},
         {NULL},
         "--token-keys",
         "--token-keys: a secret can't be a flag, because the list of processes would show it; set "
         "FRESHET_TOKEN_KEYS or put it into the config file"},
        {"misspelt secret",
         {"--database_url=postgres://u:hunter2@h/d"},
         {NULL},
         "--database_url",
         "--database_url: there is no such flag; see --help"},
        {"a URL as a flag",
         {"--postgres://u:hunter2@h/d"},
         {NULL},
         "",
         "an argument is no flag of this program; see --help"},
        {"a URL as an operand",
         {"postgres://u:hunter2@h/d"},
         {NULL},
         "",
         "argument 1 is no flag; this program takes nothing else"},
        {"a URL as the file",
         {"--config=postgres://u:hunter2@h/d"},
         {NULL},
         "--config",
         "--config: must name a file, not a URL"},
        {"a URL as a number",
         {"--threads", "nats://u:hunter2@h"},
         {NULL},
         "--threads",
         "--threads: must be a whole number"},
        {"switch with a wrong word",
         {"--rate-limits=maybe"},
         {NULL},
         "--rate-limits",
         "--rate-limits: must be on or off, not \"maybe\""},
        {"wrong choice",
         {"--log-level", "loud"},
         {NULL},
         "--log-level",
         "--log-level: must be one of debug|info|warn|error, not \"loud\""},
        {"no such file",
         {"--config", "/nonexistent"},
         {NULL},
         "",
         "can't open the config file /nonexistent: No such file or directory"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct outcome outcome = load(FR_PROGRAM_GATEWAY, row->arguments, row->environment, false);
        FR_ASSERT_ROW(row, outcome.status != FR_OK);
        if (strcmp(outcome.error.message, row->message) != 0)
            fail_msg("row \"%s\": expected %s, got %s", row->comment, row->message, outcome.error.message);
        FR_ASSERT_ROW(row, strcmp(outcome.error.field, row->field) == 0);
        FR_ASSERT_ROW(row, strstr(outcome.error.message, "hunter2") == NULL);
        fr_config_release(&outcome.settings);
    }
    /* A secret's own value that is wrong. */
    char *secret = fr_alloc(3000);
    strcpy(secret, "FRESHET_DATABASE_URL=");
    for (size_t len = strlen(secret); len + 8 < 3000; len += 7)
        strcpy(secret + len, "hunter2");
    const char *environment[] = {secret, NULL};
    struct outcome outcome = load(FR_PROGRAM_GATEWAY, nothing, environment, false);
    assert_int_equal(outcome.status, FR_INVALID);
    assert_string_equal(outcome.error.field, "FRESHET_DATABASE_URL");
    assert_null(strstr(outcome.error.message, "hunter2"));
    fr_config_release(&outcome.settings);
    free(secret);
}

static void operands_are_gathered(void **state)
{
    static const struct {
        const char *comment;
        const char *arguments[ARGUMENTS_MAX];
        int count;
        const char *operands[4];
        bool rate_limits;
    } rows[] = {
        {"none", {NULL}, 0, {NULL}, true},
        {"between flags",
         {"one", "--threads", "3", "two", "--listen=off", "-"},
         3,
         {"one", "two", "-"},
         true},
        {"after --", {"--threads=3", "--", "--listen", "-x"}, 2, {"--listen", "-x"}, true},
        {"bare switch takes no operand", {"--rate-limits", "one"}, 1, {"one"}, true},
        {"switch and its word", {"--rate-limits", "off", "one"}, 1, {"one"}, false},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct outcome outcome = load(FR_PROGRAM_GATEWAY, row->arguments, nothing, true);
        FR_ASSERT_ROW(row, outcome.status == FR_OK);
        FR_ASSERT_ROW(row, outcome.operands == row->count);
        for (int i = 0; i < row->count; i++)
            FR_ASSERT_ROW(row, strcmp(outcome.argv[1 + i], row->operands[i]) == 0);
        FR_ASSERT_ROW(row, outcome.settings.rate_limits == row->rate_limits);
        fr_config_release(&outcome.settings);
    }
}

static void help_and_version_read_nothing_else(void **state)
{
    static const struct {
        const char *comment;
        const char *arguments[ARGUMENTS_MAX];
        enum fr_config_action action;
    } rows[] = {
        {"help", {"--help"}, FR_CONFIG_HELP},
        {"help before nonsense", {"--help", "--frobnicate"}, FR_CONFIG_HELP},
        {"help with a file that is not there", {"--config=/nonexistent", "--help"}, FR_CONFIG_HELP},
        {"version", {"--version"}, FR_CONFIG_VERSION},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct outcome outcome = load(FR_PROGRAM_GATEWAY, row->arguments, nothing, false);
        FR_ASSERT_ROW(row, outcome.status == FR_OK);
        FR_ASSERT_ROW(row, outcome.action == row->action);
        FR_ASSERT_ROW(row, outcome.settings.listen == NULL);
        fr_config_release(&outcome.settings);
    }
    assert_true(strchr(fr_config_version(), '.') != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_of_every_program_are_valid),
        cmocka_unit_test(precedence),
        cmocka_unit_test(file_holds_every_kind),
        cmocka_unit_test(errors_name_the_place_and_no_secret),
        cmocka_unit_test(operands_are_gathered),
        cmocka_unit_test(help_and_version_read_nothing_else),
    };
    return cmocka_run_group_tests(tests, make_file, drop_file);
}
