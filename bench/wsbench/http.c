/* Mode http: a closed loop of requests, each connection with the next token of the list. */
#include <stdio.h>

#include "histogram.h"
#include "modes.h"
#include "process.h"
#include "report.h"
#include "requests.h"

struct http_run {
    const struct options *options;
    struct people people;
    struct requests *requests;
    struct histogram times;
    uint64_t answers, failures, bytes;
    char failure[200]; /* the first */
    uint32_t begun, run;
};

static void on_answer(void *arg, const struct answer *answer)
{
    struct http_run *run = arg;
    if (answer->status == 200) {
        run->answers++;
        run->bytes += answer->body.len;
        histogram_add(&run->times, answer->now_ns - answer->sent_ns);
    } else if (run->failures++ == 0) {
        snprintf(run->failure, sizeof run->failure, "%d %.*s", answer->status, FR_STR_ARG(answer->body));
    }
}

static void send_next(struct http_run *run, struct fr_buf *request)
{
    const struct options *options = run->options;
    const char *token = run->people.list[run->begun % run->people.count].token;
    const char *path = options->path != NULL ? options->path : "/post/feed?limit=20";
    fr_buf_reset(request);
    if (options->create)
        write_create(request, options, token, run->run, run->begun);
    else
        fr_buf_printf(request, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", path,
                      options->address.authority, token);
    if (requests_send(run->requests, fr_buf_str(request), run->begun))
        run->begun++;
}

static bool goes_on(const struct http_run *run, int64_t start_ns)
{
    const struct options *options = run->options;
    if (interrupted())
        return false;
    return options->posts > 0 ? run->begun < (uint64_t)options->posts
                              : fr_clock_monotonic_ns() - start_ns < options->seconds * 1000000000;
}

static int tell(struct http_run *run, double seconds, const struct process_sample *before,
                const struct process_sample *after, struct fr_error *error)
{
    struct report report;
    report_begin(&report, mode_names[MODE_HTTP]);
    report_count(&report, "answers", run->answers);
    report_count(&report, "failures", run->failures);
    if (run->failures > 0)
        report_text(&report, "first_failure", run->failure);
    report_number(&report, "answers_per_s", (double)run->answers / seconds, "/s");
    if (run->answers > 0)
        report_number(&report, "bytes_per_answer", (double)run->bytes / (double)run->answers, "bytes");
    report_times(&report, "answered", &run->times);
    if (run->options->pid > 0)
        report_process(&report, "server", before, after);
    if (report_end(&report, run->options->json, error) != FR_OK)
        return failed(error);
    return run->failures > 0 ? EXIT_FAILED : EXIT_DONE;
}

int run_http(const struct options *options)
{
    static struct http_run run;
    struct fr_error error = {0};
    struct process_sample before = {0}, after = {0};
    run.options = options;
    run.run = (uint32_t)fr_clock_wall_ms();
    enum fr_status status = people_read(options->tokens, &run.people, &error);
    if (status == FR_OK)
        status = requests_new(&options->address, (size_t)options->connections, on_answer, &run, &run.requests,
                              &error);
    if (status == FR_OK && options->pid > 0)
        status = process_sample((int)options->pid, &before, &error);
    int code = EXIT_FAILED;
    if (status == FR_OK) {
        struct fr_buf request;
        fr_buf_init(&request, 64 * 1024);
        int64_t start = fr_clock_monotonic_ns();
        while (goes_on(&run, start) || requests_busy(run.requests) > 0) {
            while (goes_on(&run, start) && requests_busy(run.requests) < (size_t)options->connections)
                send_next(&run, &request);
            requests_wait(run.requests, 100);
        }
        double seconds = (double)(fr_clock_monotonic_ns() - start) / 1e9;
        fr_buf_release(&request);
        if (options->pid > 0)
            status = process_sample((int)options->pid, &after, &error);
        if (status == FR_OK)
            code = tell(&run, seconds, &before, &after, &error);
    }
    if (status != FR_OK)
        code = failed(&error);
    requests_free(run.requests);
    people_release(&run.people);
    return code;
}
