/* Makes the streams of the table on the server and watches that they stay. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bus_internal.h"
#include "log/log.h"
#include "streams.h"

enum {
    ERROR_EXISTS_DIFFERENT = 10058, /* stream name already in use with a different configuration */
    ERROR_OVERLAP = 10065,          /* subjects overlap with an existing stream */
    RETRY_MS = 100,
    SUBJECT_SIZE = 64,
};

/* A request that a thread waits for. */
struct request {
    struct fr_bus *bus;
    bool done;
    enum fr_status status;
    char *reply;
    size_t reply_len;
};

void fr_bus_stream_answered(void *owner, const struct call_tag *tag, enum fr_status status,
                            struct fr_str reply)
{
    struct request *request = tag->arg;
    struct fr_bus *bus = request->bus;
    char *copy = status == FR_OK ? fr_strndup(reply.data != NULL ? reply.data : "", reply.len) : NULL;
    pthread_mutex_lock(&bus->lock);
    request->status = status;
    request->reply = copy;
    request->reply_len = reply.len;
    request->done = true;
    pthread_cond_broadcast(&bus->changed);
    pthread_mutex_unlock(&bus->lock);
}

static void send_request(struct fr_bus *bus, struct request *request, const char *subject, const char *body)
{
    *request = (struct request){.bus = bus};
    struct fr_error error;
    enum fr_status status =
        calls_send(&bus->api, subject, fr_str_of(body), &(struct call_tag){.arg = request}, &error);
    if (status == FR_OK)
        return;
    request->status = FR_UNAVAILABLE;
    request->done = true;
}

/* Every call is answered, if by its deadline, so this ends. */
static void wait_request(struct request *request)
{
    struct fr_bus *bus = request->bus;
    pthread_mutex_lock(&bus->lock);
    while (!request->done) {
        fr_bus_wait_changed(bus, RETRY_MS);
        if (request->done)
            break;
        pthread_mutex_unlock(&bus->lock);
        fr_bus_keep_deadlines(bus);
        pthread_mutex_lock(&bus->lock);
    }
    pthread_mutex_unlock(&bus->lock);
}

static struct fr_str reply_of(const struct request *request)
{
    return (struct fr_str){request->reply, request->reply_len};
}

enum declare_verb { DECLARE_CREATE, DECLARE_UPDATE };

static void send_declaration(struct fr_bus *bus, enum declare_verb verb, size_t index,
                             struct request *request)
{
    char name[STREAM_NAME_SIZE], subject[SUBJECT_SIZE];
    fr_bus_stream_name(index, name);
    snprintf(subject, sizeof subject, "$JS.API.STREAM.%s.%s", verb == DECLARE_CREATE ? "CREATE" : "UPDATE",
             name);
    char *config = fr_bus_stream_config(index, bus->replicas, bus->resume_window_ms);
    send_request(bus, request, subject, config);
    free(config);
}

static enum fr_status read_declaration(const struct request *request, size_t index, struct stream_answer *ret,
                                       struct fr_error *error)
{
    char name[STREAM_NAME_SIZE];
    fr_bus_stream_name(index, name);
    *ret = (struct stream_answer){0};
    if (request->status == FR_UNAVAILABLE)
        return fr_error_set(error, FR_UNAVAILABLE, NULL, "stream %s: no server with JetStream answers", name);
    if (request->status != FR_OK)
        return fr_error_set(error, request->status, NULL, "stream %s: no answer within %d ms", name,
                            CALL_TIMEOUT_MS);
    if (fr_bus_stream_parse_answer(reply_of(request), ret) != FR_OK)
        return fr_error_set(error, FR_PROTOCOL, NULL, "stream %s: the server's answer is not understood",
                            name);
    if (ret->code == 0 && ret->epoch == 0)
        return fr_error_set(error, FR_UNAVAILABLE, NULL, "stream %s: another process is making it", name);
    if (ret->code == 0)
        return FR_OK;
    /* Also said while another process' request for the very same stream is worked on: it is tried again. */
    bool passing = ret->code == 503 || ret->error == ERROR_OVERLAP;
    return fr_error_set(error, passing ? FR_UNAVAILABLE : FR_CONFLICT, NULL, "stream %s: %s", name,
                        ret->description);
}

/* Creates the streams with wanted[i], all at once; updates those that exist with another configuration if
 * `update`, and leaves them else. Notes the epochs. The first error is returned, after all were tried. */
static enum fr_status declare(struct fr_bus *bus, const bool *wanted, bool update, int64_t *epochs,
                              struct fr_error *error)
{
    size_t count = fr_bus_stream_count();
    struct request *requests = fr_alloc_array(count, sizeof *requests);
    bool *again = fr_alloc_array(count, sizeof *again);
    enum fr_status first = FR_OK;
    for (int round = 0; round < 2; round++) {
        const bool *now = round == 0 ? wanted : again;
        for (size_t i = 0; i < count; i++)
            if (now[i])
                send_declaration(bus, round == 0 ? DECLARE_CREATE : DECLARE_UPDATE, i, &requests[i]);
        for (size_t i = 0; i < count; i++) {
            if (!now[i])
                continue;
            wait_request(&requests[i]);
            struct stream_answer answer;
            enum fr_status status = read_declaration(&requests[i], i, &answer, first == FR_OK ? error : NULL);
            free(requests[i].reply);
            if (round == 0 && answer.error == ERROR_EXISTS_DIFFERENT)
                again[i] = update;
            else if (status != FR_OK && first == FR_OK)
                first = status;
            if (status == FR_OK)
                epochs[i] = answer.epoch;
        }
    }
    free(requests);
    free(again);
    return first;
}

static bool wait_connected(struct fr_bus *bus, int64_t until_ms)
{
    pthread_mutex_lock(&bus->lock);
    while (!atomic_load(&bus->up) && !bus->stopping) {
        int64_t left_ms = until_ms - fr_clock_monotonic_ms();
        if (left_ms <= 0)
            break;
        fr_bus_wait_changed(bus, left_ms);
    }
    pthread_mutex_unlock(&bus->lock);
    return atomic_load(&bus->up);
}

/* The connection may break, and the server still be starting; then there is time to try again. */
static bool pause_until(struct fr_bus *bus, int64_t until_ms)
{
    pthread_mutex_lock(&bus->lock);
    int64_t end_ms = fr_clock_monotonic_ms() + RETRY_MS, now_ms;
    while ((now_ms = fr_clock_monotonic_ms()) < end_ms && !bus->stopping)
        fr_bus_wait_changed(bus, end_ms - now_ms);
    bool stopping = bus->stopping;
    pthread_mutex_unlock(&bus->lock);
    return !stopping && now_ms < until_ms;
}

enum fr_status fr_bus_declare_streams(struct fr_bus *bus, int64_t timeout_ms, struct fr_error *error)
{
    int64_t until_ms = fr_clock_monotonic_ms() + timeout_ms;
    size_t count = fr_bus_stream_count();
    bool *wanted = fr_alloc_array(count, sizeof *wanted);
    int64_t *epochs = fr_alloc_array(count, sizeof *epochs);
    memset(wanted, true, count);
    enum fr_status status;
    do {
        if (!wait_connected(bus, until_ms))
            status = fr_error_set(error, FR_UNAVAILABLE, NULL, "no NATS server answers");
        else
            status = declare(bus, wanted, true, epochs, error);
    } while ((status == FR_UNAVAILABLE || status == FR_TIMEOUT) && pause_until(bus, until_ms));
    free(wanted);
    free(epochs);
    return status;
}

static enum fr_status list_streams(struct fr_bus *bus, int64_t *epochs, struct fr_error *error)
{
    size_t offset = 0;
    enum fr_status status;
    do {
        char body[48];
        snprintf(body, sizeof body, "{\"offset\":%zu}", offset);
        struct request request;
        send_request(bus, &request, "$JS.API.STREAM.LIST", body);
        wait_request(&request);
        status = request.status;
        if (status == FR_OK)
            status = fr_bus_stream_parse_list(reply_of(&request), epochs, &offset, error);
        else
            fr_error_set(error, status, NULL, "list of streams: no server with JetStream answers");
        free(request.reply);
    } while (status == FR_OK && offset != 0);
    return status;
}

enum fr_status fr_bus_count_streams(struct fr_bus *bus, int64_t timeout_ms, int *ret_there, int *ret_wanted,
                                    struct fr_error *error)
{
    if (!wait_connected(bus, fr_clock_monotonic_ms() + timeout_ms))
        return fr_error_set(error, FR_UNAVAILABLE, NULL, "no NATS server answers");
    size_t count = fr_bus_stream_count();
    int64_t *epochs = fr_alloc_array(count, sizeof *epochs);
    enum fr_status status = list_streams(bus, epochs, error);
    if (status == FR_OK) {
        *ret_there = 0;
        for (size_t i = 0; i < count; i++)
            *ret_there += epochs[i] != 0;
        *ret_wanted = (int)count;
    }
    free(epochs);
    return status;
}

/* Keeps the epochs of the FEED streams, and of CELEB; true if one of the former is another than before. */
static bool keep_epochs(struct fr_bus *bus, const int64_t *epochs)
{
    bool changed = false;
    for (size_t i = 0; i < fr_bus_stream_count(); i++) {
        int partition = fr_bus_stream_feed_partition(i);
        if (fr_bus_stream_is_celebrities(i) && epochs[i] != 0)
            atomic_store(&bus->celebrities_epoch, epochs[i]);
        if (partition >= 0 && epochs[i] != 0 &&
            atomic_exchange(&bus->epochs[partition], epochs[i]) != epochs[i])
            changed = true;
    }
    return changed;
}

enum fr_status fr_bus_streams_repair(struct fr_bus *bus, bool *ret_changed, struct fr_error *error)
{
    size_t count = fr_bus_stream_count(), missing = 0;
    bool *wanted = fr_alloc_array(count, sizeof *wanted);
    int64_t *epochs = fr_alloc_array(count, sizeof *epochs);
    enum fr_status status = list_streams(bus, epochs, error);
    if (status != FR_OK)
        goto out;
    for (size_t i = 0; i < count; i++) {
        wanted[i] = epochs[i] == 0;
        missing += wanted[i];
    }
    if (missing > 0) {
        /* Created, never updated: several processes may disagree about the settings, `migrate` decides. One
         * that appeared meanwhile with other settings has no epoch yet: the next look finds it. */
        status = declare(bus, wanted, false, epochs, error);
        if (status == FR_OK)
            FR_LOG_INFO("streams declared that were missing", FR_KV_I64("streams", (int64_t)missing));
        for (size_t i = 0; i < count && status == FR_OK; i++)
            if (epochs[i] == 0)
                status = fr_error_set(error, FR_UNAVAILABLE, NULL,
                                      "streams are being declared by another process");
    }
    if (status == FR_OK)
        *ret_changed = keep_epochs(bus, epochs);
out:
    free(wanted);
    free(epochs);
    return status;
}
