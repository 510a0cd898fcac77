#include "timeline/post_writer.h"

#include <stdlib.h>

#include "loop/loop.h"
#include "metrics/metrics.h"
#include "store/store.h"

enum { WAIT_MAX_MS = 10000 }; /* as long as the store gives a group */

struct fr_post_lane {
    struct fr_post_writer *writer;
    struct fr_ring waiting; /* in order of arrival */
    struct fr_ring sent;    /* the batch on its way, in the order of its rows; posts sent alone are in none */
    size_t unanswered;      /* statements */
};

/* The parameters of a batch, while they are encoded. */
struct columns {
    int64_t *author_ids, *post_ids;
    int16_t *partitions;
    struct fr_str *bodies, *request_ids, *traceparents, *keys, *hashes;
};

struct fr_post_writer {
    struct fr_post_writer_options options;
    struct fr_task send;
    struct fr_ring refused; /* there was no room */
    size_t waiting;         /* in all lanes */
    struct columns columns;
    size_t lane_count;
    struct fr_post_lane lanes[];
};

static struct fr_new_post *first_of(const struct fr_ring *ring)
{
    return fr_ring_is_empty(ring) ? NULL : FR_CONTAINER_OF(ring->next, struct fr_new_post, ring);
}

static struct fr_str hash_of(const struct fr_once *once)
{
    return (struct fr_str){(const char *)once->hash, sizeof once->hash};
}

/* ---- outcomes ---- */

/* The post may be gone afterwards. */
static void tell(struct fr_new_post *post, enum fr_status status, int64_t post_id,
                 const struct fr_error *error)
{
    fr_ring_remove(&post->ring);
    if (status == FR_OK)
        post->done(post, FR_OK, post_id, NULL);
    else
        post->done(post, status, 0, error);
}

static void tell_all(struct fr_ring *posts, enum fr_status status, const struct fr_error *error)
{
    for (struct fr_new_post *post; (post = first_of(posts)) != NULL;)
        tell(post, status, 0, error);
}

static void tell_gone(struct fr_new_post *post)
{
    struct fr_error error;
    tell(post, fr_error_set(&error, FR_UNAUTHENTICATED, NULL, "the account is gone"), 0, &error);
}

static void tell_late(struct fr_new_post *post)
{
    struct fr_error error;
    fr_metric_add(FR_METRIC_POSTS_LATE, 1);
    tell(post, fr_error_set(&error, FR_CONFLICT, NULL, "the author has a later post already"), 0, &error);
}

static void tell_created(struct fr_new_post *post)
{
    fr_metric_add(FR_METRIC_POSTS_STORED, 1);
    tell(post, FR_OK, post->id, NULL);
}

/* Nothing was written because the key was there: what it stands for. */
static void tell_kept(struct fr_new_post *post, struct fr_str hash, struct fr_str answer)
{
    struct fr_error error;
    enum fr_status status = FR_OK;
    int64_t post_id = 0;
    if (!fr_str_equal(hash, hash_of(post->once)))
        status = fr_error_set(&error, FR_CONFLICT, "Idempotency-Key",
                              "Idempotency-Key came with another request before");
    else if (fr_id_parse(answer, &post_id) != FR_OK)
        status = fr_error_set(&error, FR_PROTOCOL, NULL, "the answer that was kept is no post id");
    tell(post, status, post_id, &error);
}

/* ---- sending ---- */

static void on_send(struct fr_task *task);

static void answered(struct fr_post_lane *lane)
{
    lane->unanswered--;
    fr_task_defer(lane->writer->options.loop, &lane->writer->send, on_send);
}

/* False: there is none, and the post is told. */
static bool give_id(struct fr_new_post *post)
{
    const struct fr_post_writer_options *options = &post->lane->writer->options;
    struct fr_error error;
    enum fr_status status = options->next_id(options->arg, &post->id);
    if (status == FR_OK)
        return true;
    tell(post, fr_error_set(&error, status, "id", "no post id can be made"), 0, &error);
    return false;
}

static struct fr_param partition_of(int64_t author_id)
{
    return FR_P_I16(fr_partition_of(author_id, FR_AUTHOR_PARTITIONS));
}

/* post_create and post_create_once say the same in the first two columns. */
static void on_alone(void *arg, enum fr_status status, struct fr_result *const *results,
                     const struct fr_error *error)
{
    enum { COL_AUTHOR_EXISTS, COL_CREATED, COL_KEPT_HASH, COL_KEPT_ANSWER };
    struct fr_new_post *post = arg;
    answered(post->lane);
    if (status != FR_OK) {
        tell(post, status, 0, error);
        return;
    }
    const struct fr_result *result = results[post->once != NULL ? 1 : 0];
    if (!fr_result_bool(result, 0, COL_AUTHOR_EXISTS))
        tell_gone(post);
    else if (post->once != NULL && !fr_result_is_null(result, 0, COL_KEPT_HASH))
        tell_kept(post, fr_result_bytes(result, 0, COL_KEPT_HASH),
                  fr_result_text(result, 0, COL_KEPT_ANSWER));
    else if (!fr_result_bool(result, 0, COL_CREATED))
        tell_late(post);
    else
        tell_created(post);
}

static void send_alone(struct fr_new_post *post)
{
    struct fr_store *store = post->lane->writer->options.store;
    uint64_t key = (uint64_t)post->author_id;
    fr_ring_remove(&post->ring);
    post->lane->unanswered++;
    fr_metric_add(FR_METRIC_POST_TRANSACTIONS, 1);
    if (post->once == NULL) {
        struct fr_query query =
            FR_QUERY(FR_SQL_POST_CREATE, FR_P_I64(post->author_id), FR_P_I64(post->id), FR_P_TEXT(post->text),
                     partition_of(post->author_id), FR_P_TEXT_OR_NULL(post->origin.request_id),
                     FR_P_TEXT_OR_NULL(post->origin.traceparent));
        fr_store_ask(store, key, &query, 1, on_alone, post);
        return;
    }
    struct fr_query queries[] = {
        FR_QUERY(FR_SQL_GRAPH_LOCK_FOLLOWER, FR_P_I64(post->author_id)),
        FR_QUERY(FR_SQL_POST_CREATE_ONCE, FR_P_I64(post->author_id), FR_P_I64(post->id),
                 FR_P_TEXT(post->text), partition_of(post->author_id),
                 FR_P_TEXT_OR_NULL(post->origin.request_id), FR_P_TEXT_OR_NULL(post->origin.traceparent),
                 FR_P_TEXT(post->once->key), FR_P_BYTES(hash_of(post->once))),
    };
    fr_store_ask(store, key, queries, FR_COUNT_OF(queries), on_alone, post);
}

/* The batch could not say: nothing of it is stored. The id is a fresh one, as time has passed. */
static void try_alone(struct fr_new_post *post)
{
    if (give_id(post))
        send_alone(post);
}

static void judge_row(struct fr_new_post *post, const struct fr_result *result, int row)
{
    enum { COL_AUTHOR_EXISTS, COL_CREATED, COL_LATE, COL_KEPT_HASH, COL_KEPT_ANSWER };
    if (!fr_result_bool(result, row, COL_AUTHOR_EXISTS))
        tell_gone(post);
    else if (post->once != NULL && !fr_result_is_null(result, row, COL_KEPT_HASH))
        tell_kept(post, fr_result_bytes(result, row, COL_KEPT_HASH),
                  fr_result_text(result, row, COL_KEPT_ANSWER));
    else if (fr_result_bool(result, row, COL_CREATED))
        tell_created(post);
    else if (fr_result_bool(result, row, COL_LATE))
        tell_late(post);
    else
        try_alone(post);
}

/* The server refused the statement for what it was given, so nothing of it is stored, and one row may be the
 * reason. Not so when it was busy or away: then the next statement would fare alike. */
static bool is_refusal(enum fr_status status, const struct fr_error *error)
{
    return (status == FR_CONFLICT || status == FR_INTERNAL) && error->sqlstate[0] != '\0';
}

/* Cannot be: the statement gives a row for each post. */
static void tell_unanswered(struct fr_post_lane *lane)
{
    struct fr_error error;
    if (!fr_ring_is_empty(&lane->sent))
        tell_all(&lane->sent,
                 fr_error_set(&error, FR_PROTOCOL, NULL, "fewer outcomes came back than posts were sent"),
                 &error);
}

static void on_batch(void *arg, enum fr_status status, struct fr_result *const *results,
                     const struct fr_error *error)
{
    struct fr_post_lane *lane = arg;
    answered(lane);
    if (status == FR_OK) {
        int rows = fr_result_rows(results[0]);
        for (int row = 0; row < rows && !fr_ring_is_empty(&lane->sent); row++)
            judge_row(first_of(&lane->sent), results[0], row);
        tell_unanswered(lane);
    } else if (is_refusal(status, error)) {
        while (!fr_ring_is_empty(&lane->sent))
            try_alone(first_of(&lane->sent));
    } else {
        tell_all(&lane->sent, status, error);
    }
}

static void send_batch(struct fr_post_lane *lane, size_t count)
{
    const struct columns *to = &lane->writer->columns;
    size_t i = 0;
    for (struct fr_ring *at = lane->sent.next; at != &lane->sent; at = at->next, i++) {
        const struct fr_new_post *post = FR_CONTAINER_OF(at, struct fr_new_post, ring);
        to->author_ids[i] = post->author_id;
        to->post_ids[i] = post->id;
        to->partitions[i] = (int16_t)fr_partition_of(post->author_id, FR_AUTHOR_PARTITIONS);
        to->bodies[i] = post->text;
        to->request_ids[i] = post->origin.request_id;
        to->traceparents[i] = post->origin.traceparent;
        to->keys[i] = post->once != NULL ? post->once->key : FR_STR_NONE;
        to->hashes[i] = post->once != NULL ? hash_of(post->once) : FR_STR_NONE;
    }
    struct fr_query query = FR_QUERY(
        FR_SQL_POST_CREATE_MANY, FR_P_I64S(to->author_ids, count), FR_P_I64S(to->post_ids, count),
        FR_P_TEXTS(to->bodies, count), FR_P_I16S(to->partitions, count), FR_P_TEXTS(to->request_ids, count),
        FR_P_TEXTS(to->traceparents, count), FR_P_TEXTS(to->keys, count), FR_P_BYTESES(to->hashes, count));
    lane->unanswered++;
    fr_metric_add(FR_METRIC_POST_TRANSACTIONS, 1);
    fr_store_ask(lane->writer->options.store, (uint64_t)to->author_ids[0], &query, 1, on_batch, lane);
}

static size_t bytes_of(const struct fr_new_post *post)
{
    enum { NUMBERS_AND_LENGTHS = 64 };
    size_t once = post->once != NULL ? post->once->key.len + sizeof post->once->hash : 0;
    return NUMBERS_AND_LENGTHS + post->text.len + post->origin.request_id.len + post->origin.traceparent.len +
           once;
}

/* Out of those that wait. False: it has waited too long, or gets no id, and is told. */
static bool make_ready(struct fr_new_post *post, int64_t now_ms)
{
    fr_ring_remove(&post->ring);
    post->lane->writer->waiting--;
    fr_metric_add(FR_METRIC_POSTS_WAITING, -1);
    if (now_ms - post->came_ms <= WAIT_MAX_MS)
        return give_id(post);
    struct fr_error error;
    tell(post, fr_error_set(&error, FR_TIMEOUT, NULL, "waited its whole time for its turn, and was not sent"),
         0, &error);
    return false;
}

static void send_some(struct fr_post_lane *lane)
{
    int64_t now_ms = fr_clock_monotonic_ms();
    size_t count = 0, bytes = 0;
    for (struct fr_new_post *post;
         count < lane->writer->options.batch_max && (post = first_of(&lane->waiting)) != NULL;) {
        bytes += bytes_of(post);
        if (count > 0 && bytes > FR_POST_BATCH_BYTES_MAX)
            break;
        if (make_ready(post, now_ms)) {
            fr_ring_add(&lane->sent, &post->ring);
            count++;
        }
    }
    if (count == 1)
        send_alone(first_of(&lane->sent));
    else if (count > 1)
        send_batch(lane, count);
}

static void tell_refused(struct fr_post_writer *writer)
{
    struct fr_error error;
    if (!fr_ring_is_empty(&writer->refused))
        tell_all(
            &writer->refused,
            fr_error_set(&error, FR_FULL, NULL, "%d new posts wait for the database", FR_POSTS_WAITING_MAX),
            &error);
}

static void on_send(struct fr_task *task)
{
    struct fr_post_writer *writer = FR_CONTAINER_OF(task, struct fr_post_writer, send);
    tell_refused(writer);
    for (size_t i = 0; i < writer->lane_count; i++) {
        struct fr_post_lane *lane = &writer->lanes[i];
        while (!fr_ring_is_empty(&lane->waiting) && (lane->unanswered == 0 || writer->options.batch_max == 1))
            send_some(lane);
    }
}

/* ---- the public verbs ---- */

static void columns_init(struct columns *columns, size_t count)
{
    columns->author_ids = fr_alloc_array(count, sizeof *columns->author_ids);
    columns->post_ids = fr_alloc_array(count, sizeof *columns->post_ids);
    columns->partitions = fr_alloc_array(count, sizeof *columns->partitions);
    struct fr_str **texts[] = {&columns->bodies, &columns->request_ids, &columns->traceparents,
                               &columns->keys, &columns->hashes};
    for (size_t i = 0; i < FR_COUNT_OF(texts); i++)
        *texts[i] = fr_alloc_array(count, sizeof **texts[i]);
}

static void columns_release(struct columns *columns)
{
    free(columns->author_ids);
    free(columns->post_ids);
    free(columns->partitions);
    free(columns->bodies);
    free(columns->request_ids);
    free(columns->traceparents);
    free(columns->keys);
    free(columns->hashes);
}

struct fr_post_writer *fr_post_writer_new(const struct fr_post_writer_options *options)
{
    size_t lanes = fr_store_lanes(options->store);
    struct fr_post_writer *writer = fr_alloc(sizeof *writer + lanes * sizeof writer->lanes[0]);
    writer->options = *options;
    writer->lane_count = lanes;
    fr_ring_init(&writer->refused);
    columns_init(&writer->columns, options->batch_max);
    for (size_t i = 0; i < lanes; i++) {
        writer->lanes[i].writer = writer;
        fr_ring_init(&writer->lanes[i].waiting);
        fr_ring_init(&writer->lanes[i].sent);
    }
    return writer;
}

void fr_post_writer_free(struct fr_post_writer *writer)
{
    if (writer == NULL)
        return;
    struct fr_error error;
    enum fr_status status = fr_error_set(&error, FR_CANCELLED, NULL, "the process stops");
    fr_task_cancel(&writer->send);
    tell_all(&writer->refused, status, &error);
    for (size_t i = 0; i < writer->lane_count; i++)
        tell_all(&writer->lanes[i].waiting, status, &error);
    fr_metric_add(FR_METRIC_POSTS_WAITING, -(long long)writer->waiting);
    columns_release(&writer->columns);
    free(writer);
}

void fr_post_writer_write(struct fr_post_writer *writer, struct fr_new_post *post)
{
    struct fr_post_lane *lane =
        &writer->lanes[fr_store_lane(writer->options.store, (uint64_t)post->author_id)];
    post->lane = lane;
    post->ring = (struct fr_ring){0};
    post->came_ms = fr_clock_monotonic_ms();
    if (writer->waiting < FR_POSTS_WAITING_MAX) {
        fr_ring_add(&lane->waiting, &post->ring);
        writer->waiting++;
        fr_metric_add(FR_METRIC_POSTS_WAITING, 1);
    } else {
        fr_ring_add(&writer->refused, &post->ring);
    }
    if (lane->unanswered == 0 || writer->options.batch_max == 1 || !fr_ring_is_empty(&writer->refused))
        fr_task_defer(writer->options.loop, &writer->send, on_send);
}
