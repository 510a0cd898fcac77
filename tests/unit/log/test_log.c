#include "log/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

/* Standard error, for as long as a test wants to read it. */
struct capture {
    int saved, reader;
};

static struct capture capture_begin(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct capture capture = {dup(STDERR_FILENO), ends[0]};
    assert_true(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    close(ends[1]);
    return capture;
}

static char *capture_end(struct capture *capture)
{
    dup2(capture->saved, STDERR_FILENO);
    close(capture->saved);
    struct fr_buf out;
    fr_buf_init(&out, 1 << 20);
    char piece[4096];
    for (ssize_t n; (n = read(capture->reader, piece, sizeof piece)) > 0;)
        fr_buf_append(&out, piece, (size_t)n);
    close(capture->reader);
    fr_buf_append(&out, "", 0);
    return fr_buf_detach(&out, NULL);
}

static int count_lines(const char *text)
{
    int lines = 0;
    for (; (text = strchr(text, '\n')) != NULL; text++)
        lines++;
    return lines;
}

static void only_the_level_and_above(void **state)
{
    static const enum fr_log_level levels[] = {FR_LEVEL_DEBUG, FR_LEVEL_INFO, FR_LEVEL_WARN, FR_LEVEL_ERROR};
    for (size_t i = 0; i < FR_COUNT_OF(levels); i++) {
        fr_log_open("test", levels[i], FR_LOG_HUMAN);
        assert_int_equal(fr_log_level(), levels[i]);
        struct capture capture = capture_begin();
        FR_LOG_DEBUG("a debug line");
        FR_LOG_INFO("an info line", FR_KV_I64("n", 1));
        FR_LOG_WARN("a warning", FR_KV_I64("n", 1), FR_KV_BOOL("b", true));
        FR_LOG_ERROR("an error");
        fr_log_write(FR_LEVEL_DEBUG, "past the macro", NULL, 0);
        char *text = capture_end(&capture);
        assert_int_equal(count_lines(text), 4 - (int)i + (i == 0));
        free(text);
    }
}

static void arguments_are_not_evaluated_below_the_level(void **state)
{
    int evaluated = 0;
    fr_log_open("test", FR_LEVEL_ERROR, FR_LOG_JSON);
    FR_LOG_INFO("quiet", FR_KV_I64("n", ++evaluated));
    assert_int_equal(evaluated, 0);
}

static void errno_is_kept(void **state)
{
    fr_log_open("test", FR_LEVEL_INFO, FR_LOG_JSON);
    int saved = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    errno = ERANGE;
    FR_LOG_INFO("nobody hears this");
    int kept = errno;
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(kept, ERANGE);
}

enum { LINES_EACH = 200 };

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES_EACH; i++)
        FR_LOG_INFO("together", FR_KV_TEXT("who", arg), FR_KV_I64("n", i));
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    static char names[2][1000];
    memset(names[0], 'a', sizeof names[0] - 1);
    memset(names[1], 'b', sizeof names[1] - 1);
    fr_log_open("test", FR_LEVEL_INFO, FR_LOG_HUMAN);
    int ends[2], saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    pthread_t writers[2];
    struct fr_buf all;
    fr_buf_init(&all, 1 << 20);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_lines, names[i]), 0);
    /* Reads while they write: a pipe holds less than they say. */
    char piece[4096];
    for (int lines = 0; lines < 2 * LINES_EACH;) {
        ssize_t n = read(ends[0], piece, sizeof piece);
        assert_true(n > 0);
        fr_buf_append(&all, piece, (size_t)n);
        for (ssize_t i = 0; i < n; i++)
            lines += piece[i] == '\n';
    }
    for (int i = 0; i < 2; i++)
        pthread_join(writers[i], NULL);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[0]);
    struct fr_str rest = fr_buf_str(&all), line;
    int seen[2] = {0};
    while (fr_str_next(&rest, '\n', &line)) {
        if (line.len == 0)
            continue;
        const char *who = strstr(line.data, "who=");
        assert_non_null(who);
        int w = who[4] == 'b';
        assert_memory_equal(who + 4, names[w], sizeof names[w] - 1);
        char expected[32];
        snprintf(expected, sizeof expected, " n=%d\n", seen[w]++);
        assert_memory_equal(who + 4 + sizeof names[w] - 1, expected, strlen(expected));
    }
    assert_int_equal(seen[0], LINES_EACH);
    assert_int_equal(seen[1], LINES_EACH);
    fr_buf_release(&all);
}

static void names_of_levels_and_formats(void **state)
{
    enum fr_log_level level = FR_LEVEL_DEBUG;
    enum fr_log_format format = FR_LOG_HUMAN;
    assert_int_equal(fr_log_parse_level(FR_STR("error"), &level), FR_OK);
    assert_int_equal(level, FR_LEVEL_ERROR);
    assert_int_equal(fr_log_parse_level(FR_STR("Error"), &level), FR_INVALID);
    assert_int_equal(fr_log_parse_level(FR_STR(""), &level), FR_INVALID);
    assert_int_equal(level, FR_LEVEL_ERROR);
    assert_int_equal(fr_log_parse_format(FR_STR("json"), &format), FR_OK);
    assert_int_equal(format, FR_LOG_JSON);
    assert_int_equal(fr_log_parse_format(FR_STR("xml"), &format), FR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_level_and_above),
        cmocka_unit_test(arguments_are_not_evaluated_below_the_level),
        cmocka_unit_test(errno_is_kept),
        cmocka_unit_test(lines_of_threads_do_not_mix),
        cmocka_unit_test(names_of_levels_and_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
