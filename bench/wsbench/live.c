/* Modes idle, live, resume and echo: what has a fleet of connections. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "fleet.h"
#include "modes.h"
#include "pages.h"
#include "process.h"
#include "protocol.h"
#include "report.h"
#include "requests.h"
#include "verify.h"

struct live_run {
    const struct options *options;
    struct people readers, own_authors, page_readers;
    const struct people *authors; /* own_authors, or the readers */
    struct follows follows;
    uint32_t *audience; /* of each author: connections of those who follow */
    struct posts posts;
    struct fleet *fleet;
    struct requests *requests;
    struct fr_random random;
    struct fr_buf request;
    uint64_t accepted, failures, late;
    uint64_t expected;          /* deliveries of all accepted posts */
    char failure[200];          /* of the first post that was not accepted */
    struct histogram answering; /* accepted posts, from sending to the answer */
    struct pages pages;
    int64_t next_progress_ns;
    uint64_t progress_deliveries;
    /* When what was measured began and ended, and the server then. */
    int64_t open_began_ns, opened_ns, began_ns, posted_ns, ended_ns;
    struct process_sample empty, open, before, after;
    /* Of the rounds of resuming. */
    struct histogram coming_back;
    uint64_t resumed, resets;
};

static void sleep_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL); /* shorter after a signal */
}

static void progress(struct live_run *run, const char *what)
{
    int64_t now = fr_clock_monotonic_ns();
    if (run->options->quiet || now < run->next_progress_ns)
        return;
    struct fleet_counts counts;
    fleet_count(run->fleet, &counts);
    fprintf(stderr, "wsbench: %s: %llu of %lld connections, %llu ended, %u posts, %llu deliveries (%llu/s)\n",
            what, (unsigned long long)counts.in_state[CLIENT_PRESENT], (long long)run->options->sockets,
            (unsigned long long)counts.in_state[CLIENT_ENDED], atomic_load(&run->posts.count),
            (unsigned long long)counts.deliveries,
            (unsigned long long)(counts.deliveries - run->progress_deliveries));
    run->progress_deliveries = counts.deliveries;
    run->next_progress_ns = now + 1000000000;
}

static enum fr_status sample(const struct live_run *run, struct process_sample *ret, struct fr_error *error)
{
    return run->options->pid > 0 ? process_sample((int)run->options->pid, ret, error) : FR_OK;
}

/* ---- who and whom ---- */

static void count_audience(struct live_run *run)
{
    run->audience = fr_alloc_array(run->authors->count, sizeof *run->audience);
    for (int64_t socket = 0; socket < run->options->sockets; socket++) {
        uint32_t reader = (uint32_t)((size_t)socket % run->readers.count);
        size_t followed = follows_count(&run->follows, reader);
        for (size_t i = 0; i < followed; i++)
            run->audience[follows_at(&run->follows, reader, i)]++;
    }
}

static enum fr_status read_people(struct live_run *run, struct fr_error *error)
{
    const struct options *options = run->options;
    enum fr_status status = people_read(options->tokens, &run->readers, error);
    run->authors = &run->readers;
    if (status == FR_OK && options->authors != NULL) {
        status = people_read(options->authors, &run->own_authors, error);
        run->authors = &run->own_authors;
    }
    if (status == FR_OK)
        status = follows_read(options->follows, &run->readers, run->authors, &run->follows, error);
    run->pages = (struct pages){.address = &options->address,
                                .path = "/post/feed?limit=20",
                                .readers = &run->readers,
                                .per_post = (uint64_t)options->pages};
    if (status == FR_OK && options->page_readers != NULL) {
        status = people_read(options->page_readers, &run->page_readers, error);
        run->pages.readers = &run->page_readers;
    }
    if (status == FR_OK)
        count_audience(run);
    return status;
}

/* ---- connections ---- */

/* Until `count` are in that state; false: it took too long, or some ended, or we were interrupted. */
static bool wait_for_state(struct live_run *run, enum client_state state, const char *what)
{
    int64_t end = fr_clock_monotonic_ns() + run->options->open_time * 1000000000;
    for (;;) {
        struct fleet_counts counts;
        fleet_count(run->fleet, &counts);
        if (counts.in_state[state] == (uint64_t)run->options->sockets)
            return true;
        if (counts.in_state[CLIENT_ENDED] > 0 && state != CLIENT_CLOSED)
            return false;
        if (interrupted() || fr_clock_monotonic_ns() > end)
            return false;
        progress(run, what);
        sleep_ms(1);
    }
}

static enum fr_status open_all(struct live_run *run, struct fr_error *error)
{
    const struct options *options = run->options;
    bool echo = options->mode == MODE_ECHO;
    const struct fleet_options fleet = {
        .address = &options->address,
        .carrier = echo ? CARRIER_ECHO : options->carrier,
        .path = options->path != NULL ? options->path
                : echo                ? "/debug/echo"
                                      : NULL,
        .readers = echo ? NULL : &run->readers,
        .posts = echo ? NULL : &run->posts,
        .sockets = (size_t)options->sockets,
        .threads = (int)options->threads,
        .window = (size_t)options->window,
        .retries = (int)options->retries,
        .snapshot = (int)options->snapshot,
        .echo_rate = options->rate > 0 ? (double)options->rate : 1000,
        .echo_size = (size_t)options->text_size,
    };
    enum fr_status status = sample(run, &run->empty, error);
    if (status != FR_OK)
        return status;
    run->open_began_ns = fr_clock_monotonic_ns();
    run->fleet = fleet_new(&fleet);
    fleet_open(run->fleet);
    if (!wait_for_state(run, CLIENT_PRESENT, "opening"))
        return fr_error_set(error, FR_UNAVAILABLE, NULL, "not all connections opened; %s",
                            fleet_complaint(run->fleet));
    run->opened_ns = fr_clock_monotonic_ns();
    sleep_ms(500); /* whatever the server still does about it */
    return sample(run, &run->open, error);
}

/* ---- posts ---- */

static void on_answer(void *arg, const struct answer *answer)
{
    struct live_run *run = arg;
    if (answer->tag == PAGE_TAG) {
        pages_on_answer(&run->pages, answer);
        return;
    }
    struct post *post = &run->posts.list[answer->tag];
    struct fr_str id = answer->body;
    if (id.len > 2 && id.data[0] == '"' && id.data[id.len - 1] == '"')
        id = (struct fr_str){id.data + 1, id.len - 2};
    if (answer->status == 200 && fr_id_parse(id, &post->id) == FR_OK) {
        run->accepted++;
        histogram_add(&run->answering, answer->now_ns - answer->sent_ns);
        run->expected += run->audience[post->author];
        atomic_store(&post->accepted_ns, answer->now_ns);
        return;
    }
    atomic_store(&post->accepted_ns, POST_FAILED);
    if (run->failures++ == 0)
        snprintf(run->failure, sizeof run->failure, "%d %.*s", answer->status, FR_STR_ARG(answer->body));
}

static bool can_post(const struct live_run *run)
{
    return requests_busy(run->requests) < (size_t)run->options->connections;
}

/* While can_post(). */
static void post_one(struct live_run *run)
{
    uint32_t index = atomic_load(&run->posts.count);
    struct post *post = &run->posts.list[index];
    post->author = (uint32_t)fr_random_below(&run->random, run->authors->count);
    fr_buf_reset(&run->request);
    write_create(&run->request, run->options, run->authors->list[post->author].token, run->posts.run, index);
    post->sent_ns = fr_clock_monotonic_ns();
    atomic_store(&run->posts.count, index + 1);
    if (!requests_send(run->requests, fr_buf_str(&run->request), index))
        abort(); /* a connection was free */
}

/* While can_post(). */
static void read_one(struct live_run *run)
{
    fr_buf_reset(&run->request);
    pages_write_request(&run->pages, &run->random, &run->request);
    if (!requests_send(run->requests, fr_buf_str(&run->request), PAGE_TAG))
        abort(); /* a connection was free */
}

static bool has_come(const struct live_run *run, uint32_t index)
{
    const struct post *post = &run->posts.list[index];
    int64_t accepted = atomic_load(&post->accepted_ns);
    return accepted == POST_FAILED ||
           (accepted > 0 && atomic_load(&post->got) >= run->audience[post->author]);
}

/* May the post come that is the next one of a run that began then? Counts those that the rate wants sooner
 * than connections are free. */
static bool is_due(struct live_run *run, int64_t began_ns, uint32_t first)
{
    const struct options *options = run->options;
    uint32_t begun = atomic_load(&run->posts.count) - first;
    if (options->one_by_one)
        return begun == 0 || has_come(run, first + begun - 1);
    if (options->rate == 0)
        return can_post(run);
    int64_t due = began_ns + (int64_t)((double)begun * 1e9 / (double)options->rate);
    if (fr_clock_monotonic_ns() < due)
        return false;
    run->late += !can_post(run);
    return can_post(run);
}

/* Whether there is another post to begin. */
static bool goes_on(const struct live_run *run, int64_t began_ns, uint32_t first, int64_t wanted)
{
    uint32_t begun = atomic_load(&run->posts.count);
    if (interrupted() || begun == run->posts.max)
        return false;
    return wanted > 0 ? begun - first < (uint64_t)wanted
                      : fr_clock_monotonic_ns() - began_ns < run->options->seconds * 1000000000;
}

/* So many posts, or for --seconds; until all are answered. */
static void drive(struct live_run *run, int64_t wanted)
{
    int64_t began = fr_clock_monotonic_ns(), stuck = began + run->options->patience * 1000000000;
    uint32_t first = atomic_load(&run->posts.count);
    bool paced = run->options->rate > 0 || run->options->one_by_one;
    for (;;) {
        bool on = goes_on(run, began, first, wanted);
        if (!on && requests_busy(run->requests) == 0)
            return;
        while (on && is_due(run, began, first)) {
            if (pages_turn(&run->pages, &run->random))
                read_one(run);
            else
                post_one(run);
            stuck = fr_clock_monotonic_ns() + run->options->patience * 1000000000;
            on = goes_on(run, began, first, wanted);
        }
        if (run->options->one_by_one && fr_clock_monotonic_ns() > stuck)
            return; /* it does not come; verify() says which */
        requests_wait(run->requests, paced ? 1 : 100);
        progress(run, "posting");
    }
}

/* Until all that is expected has come, or nothing comes any more. */
static void wait_for_arrivals(struct live_run *run)
{
    int64_t patience = run->options->patience * 1000000000, moved = fr_clock_monotonic_ns();
    uint64_t last = 0;
    for (;;) {
        struct fleet_counts counts;
        fleet_count(run->fleet, &counts);
        int64_t now = fr_clock_monotonic_ns();
        if (counts.deliveries >= run->expected || interrupted())
            return;
        if (counts.deliveries != last)
            moved = now;
        last = counts.deliveries;
        if (now - moved > patience)
            return;
        progress(run, "waiting");
        sleep_ms(1);
    }
}

/* ---- the modes ---- */

/* Whoever started us takes it from here. */
static void wait_for_line(void)
{
    int c;
    puts("ready");
    fflush(stdout);
    do
        c = getchar();
    while (c != EOF && c != '\n');
}

static void be_idle(struct live_run *run)
{
    int64_t end = fr_clock_monotonic_ns() + run->options->seconds * 1000000000;
    while (fr_clock_monotonic_ns() < end && !interrupted()) {
        progress(run, run->options->mode == MODE_ECHO ? "echoing" : "idle");
        sleep_ms(20);
    }
}

static void be_live(struct live_run *run)
{
    const struct options *options = run->options;
    if (options->expect == 0) {
        drive(run, options->posts);
        run->posted_ns = fr_clock_monotonic_ns();
    } else {
        for (uint32_t i = 0; i < options->expect; i++) {
            run->posts.list[i].id = (int64_t)i + 1;
            run->posts.list[i].accepted_ns = 1;
        }
        atomic_store(&run->posts.count, (uint32_t)options->expect);
        run->expected = (uint64_t)options->expect * (uint64_t)options->sockets;
        puts("ready"); /* for whoever sends them */
        fflush(stdout);
    }
    wait_for_arrivals(run);
}

/* Snapshots hold posts that did not come live: whoever was reset has them there, if they are still young. */
static enum fr_status be_resuming(struct live_run *run, struct fr_error *error)
{
    for (int64_t round = 0; round < run->options->rounds && !interrupted(); round++) {
        struct fleet_counts before, after;
        fleet_count(run->fleet, &before);
        fleet_drop(run->fleet);
        if (!wait_for_state(run, CLIENT_CLOSED, "breaking"))
            return fr_error_set(error, FR_TIMEOUT, NULL, "the connections don't close");
        if (run->options->posts > 0)
            drive(run, run->options->posts);
        int64_t began = fr_clock_monotonic_ns();
        fleet_open(run->fleet);
        if (!wait_for_state(run, CLIENT_PRESENT, "coming back"))
            return fr_error_set(error, FR_UNAVAILABLE, NULL, "not all came back; %s",
                                fleet_complaint(run->fleet));
        fleet_count(run->fleet, &after);
        run->resumed += after.resumed - before.resumed;
        run->resets += after.resets - before.resets;
        if (after.resets == before.resets)
            wait_for_arrivals(run); /* what a snapshot brings is not counted among them */
        histogram_add(&run->coming_back, fr_clock_monotonic_ns() - began);
    }
    return FR_OK;
}

static enum fr_status measure(struct live_run *run, struct fr_error *error)
{
    const struct options *options = run->options;
    enum fr_status status = FR_OK;
    if ((options->mode == MODE_LIVE && options->expect == 0) || options->mode == MODE_RESUME)
        status = requests_new(&options->address, (size_t)options->connections, on_answer, run, &run->requests,
                              error);
    if (status == FR_OK && options->step)
        wait_for_line();
    if (status == FR_OK)
        status = sample(run, &run->before, error);
    if (status != FR_OK)
        return status;
    run->began_ns = fr_clock_monotonic_ns();
    if (options->mode == MODE_LIVE) {
        be_live(run);
    } else if (options->mode == MODE_RESUME) {
        status = be_resuming(run, error);
    } else {
        fleet_echo(run->fleet, options->mode == MODE_ECHO);
        be_idle(run);
        fleet_echo(run->fleet, false);
    }
    run->ended_ns = fr_clock_monotonic_ns();
    return status == FR_OK ? sample(run, &run->after, error) : status;
}

/* ---- the result ---- */

static void tell_memory(const struct live_run *run, struct report *report)
{
    double sockets = (double)run->options->sockets;
    report_process(report, "server_empty", &run->empty, &run->empty);
    report_process(report, "server_open", &run->empty, &run->open);
    report_number(report, "own_bytes_per_socket",
                  (double)(run->open.anonymous - run->empty.anonymous) / sockets, "bytes");
    report_number(report, "rss_bytes_per_socket", (double)(run->open.rss - run->empty.rss) / sockets,
                  "bytes");
    report_process(report, "server_measured", &run->before, &run->after);
}

static void tell_posts(const struct live_run *run, const struct fleet_times *times, struct report *report)
{
    static struct histogram first, last, between;
    /* Of posts that somebody else sends the first arrival is the beginning. */
    int64_t began_ns = run->options->expect > 0 ? INT64_MAX : run->began_ns, last_ns = run->began_ns;
    for (uint32_t i = 0; i < atomic_load(&run->posts.count); i++) {
        const struct post *post = &run->posts.list[i];
        if (post->last_ns > last_ns)
            last_ns = post->last_ns;
        if (post->got == 0)
            continue;
        if (post->first_ns < began_ns)
            began_ns = post->first_ns;
        histogram_add(&between, post->last_ns - post->first_ns);
        if (run->options->expect > 0)
            continue;
        histogram_add(&first, post->first_ns - post->accepted_ns);
        if (post->got >= run->audience[post->author])
            histogram_add(&last, post->last_ns - post->accepted_ns);
    }
    struct fleet_counts counts;
    fleet_count(run->fleet, &counts);
    double seconds = (double)(last_ns - began_ns) / 1e9;
    report_count(report, "posts_accepted", run->accepted);
    report_count(report, "posts_failed", run->failures);
    if (run->failures > 0)
        report_text(report, "first_failure", run->failure);
    report_count(report, "posts_late", run->late);
    report_times(report, "post_answered", &run->answering);
    pages_tell(&run->pages, report);
    if (run->posted_ns > run->began_ns) {
        report_number(report, "requests_per_s",
                      (double)(run->accepted + run->pages.answers) * 1e9 /
                          (double)(run->posted_ns - run->began_ns),
                      "/s");
        report_number(report, "waited_for_arrivals_s", (double)(run->ended_ns - run->posted_ns) / 1e9, "s");
    }
    report_count(report, "deliveries", counts.deliveries);
    if (seconds > 0)
        report_number(report, "deliveries_per_s", (double)counts.deliveries / seconds, "/s");
    if (run->options->expect == 0) {
        report_times(report, "accepted_to_frame", &times->from_accepted);
        report_count(report, "frames_before_the_answer", counts.early);
        report_times(report, "sent_to_frame", &times->from_sent);
        report_times(report, "accepted_to_first", &first);
        report_times(report, "accepted_to_last", &last);
    }
    report_times(report, "first_to_last", &between);
    if (run->options->pid > 0 && counts.deliveries > 0)
        report_number(report, "server_us_per_frame",
                      (run->after.user_s + run->after.system_s - run->before.user_s - run->before.system_s) *
                          1e6 / (double)counts.deliveries,
                      "us");
}

static void tell_resuming(const struct live_run *run, struct report *report)
{
    report_count(report, "resumed", run->resumed);
    report_count(report, "reset", run->resets);
    report_times(report, "all_back", &run->coming_back);
}

static void tell_client(struct report *report)
{
    struct process_sample own;
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0)
        report_number(report, "client_processor_s", (double)used.tv_sec + (double)used.tv_nsec / 1e9, "s");
    if (process_sample(getpid(), &own, NULL) == FR_OK)
        report_number(report, "client_mb", (double)own.rss / 1e6, "MB");
}

/* Holds what came against what should have; the exit code. */
static int tell_verdict(const struct live_run *run, struct report *report)
{
    struct verdict verdict;
    verify(run->fleet, &run->posts, &run->readers, run->authors, &run->follows, (size_t)run->options->sockets,
           stderr, &verdict);
    report_count(report, "lost", verdict.lost);
    report_count(report, "doubled", verdict.doubled);
    report_count(report, "foreign", verdict.foreign);
    report_count(report, "out_of_order", verdict.reordered);
    return verdict_is_good(&verdict) ? EXIT_DONE : EXIT_UNTRUE;
}

static int tell(const struct live_run *run, struct fr_error *error)
{
    static struct fleet_times times;
    const struct options *options = run->options;
    struct fleet_counts counts;
    struct report report;
    fleet_count(run->fleet, &counts);
    fleet_times(run->fleet, &times);
    report_begin(&report, mode_names[options->mode]);
    report_text(&report, "carrier",
                carrier_names[options->mode == MODE_ECHO ? CARRIER_ECHO : options->carrier]);
    report_count(&report, "sockets", (uint64_t)options->sockets);
    report_number(&report, "opened_per_s",
                  (double)options->sockets * 1e9 / (double)(run->opened_ns - run->open_began_ns), "/s");
    report_times(&report, "opening", &times.opening);
    report_count(&report, "refused_and_tried_again", counts.retried);
    int code = EXIT_DONE;
    if (options->mode == MODE_ECHO) {
        report_count(&report, "echoes", counts.deliveries);
        report_times(&report, "echo", &times.from_sent);
    } else if (options->mode != MODE_IDLE) {
        tell_posts(run, &times, &report);
        if (options->mode == MODE_RESUME)
            tell_resuming(run, &report);
        code = tell_verdict(run, &report);
    }
    if (options->pid > 0)
        tell_memory(run, &report);
    tell_client(&report);
    report_count(&report, "ended_by_the_server", counts.in_state[CLIENT_ENDED]);
    if (counts.in_state[CLIENT_ENDED] > 0)
        report_text(&report, "first_end", fleet_complaint(run->fleet));
    if (report_end(&report, options->json, error) != FR_OK ||
        (options->received != NULL && verify_write_received(options->received, run->fleet, &run->readers,
                                                            (size_t)options->sockets, error) != FR_OK))
        return failed(error);
    if (options->told != NULL && posts_write_told(options->told, &run->posts, run->authors, error) != FR_OK)
        return failed(error);
    if (code == EXIT_DONE &&
        (counts.in_state[CLIENT_ENDED] > 0 || run->failures > 0 || run->pages.failures > 0))
        return EXIT_FAILED;
    return code;
}

int run_live(const struct options *options)
{
    static struct live_run run;
    struct fr_error error = {0};
    int64_t wall = fr_clock_wall_ms();
    run.options = options;
    run.random = fr_random_of_seed((uint64_t)options->seed);
    fr_buf_init(&run.request, 64 * 1024);
    posts_init(&run.posts, options->mode == MODE_LIVE || options->mode == MODE_RESUME ? POSTS_MAX : 1,
               options->run >= 0 ? (uint32_t)options->run : (uint32_t)wall);
    enum fr_status status = options->mode == MODE_ECHO ? FR_OK : read_people(&run, &error);
    if (status == FR_OK)
        status = open_all(&run, &error);
    if (status == FR_OK)
        status = measure(&run, &error);
    if (run.fleet != NULL)
        fleet_stop(run.fleet);
    int code = status == FR_OK ? tell(&run, &error) : failed(&error);
    requests_free(run.requests);
    if (run.fleet != NULL)
        fleet_free(run.fleet);
    posts_release(&run.posts);
    fr_buf_release(&run.request);
    free(run.audience);
    follows_release(&run.follows);
    people_release(&run.readers);
    people_release(&run.own_authors);
    people_release(&run.page_readers);
    return code;
}
