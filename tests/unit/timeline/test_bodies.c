#include <pthread.h>
#include <stdio.h>

#include "check.h"
#include "metrics/metrics.h"
#include "timeline/bodies.h"

static struct fr_post post(int64_t id, int32_t revision, const char *text)
{
    return (struct fr_post){.id = id,
                            .author_id = 7,
                            .text = fr_str_of(text),
                            .revision = revision,
                            .created_at_ms = 1000,
                            .edited_at_ms = revision > 1 ? 2000 : 0};
}

static void put(struct fr_bodies *bodies, int64_t id, int32_t revision, const char *text)
{
    struct fr_post one = post(id, revision, text);
    fr_bodies_put(bodies, &one);
}

/* "": it is not there. */
static void assert_text(struct fr_bodies *bodies, int64_t id, int32_t revision, const char *text)
{
    struct fr_body *body = fr_bodies_find(bodies, id, revision);
    struct fr_str found = body != NULL ? fr_body_post(body)->text : FR_STR_NONE;
    if (!fr_str_equal(found, fr_str_of(text)))
        fail_msg("post %lld in revision %d: expected \"%s\", got \"%.*s\"", (long long)id, revision, text,
                 FR_STR_ARG(found));
    fr_body_release(body);
}

static void test_newest_revision_stays(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(1 << 20);
    assert_text(bodies, 1, 1, "");
    put(bodies, 1, 1, "first");
    put(bodies, 2, 1, "another");
    assert_text(bodies, 1, 1, "first");
    assert_text(bodies, 1, 0, "first");
    assert_text(bodies, 1, 2, "");
    put(bodies, 1, 3, "third");
    put(bodies, 1, 2, "second, late");
    assert_text(bodies, 1, 1, "");
    assert_text(bodies, 1, 2, "");
    assert_text(bodies, 1, 3, "third");
    assert_text(bodies, 1, 0, "third");
    assert_text(bodies, 2, 1, "another");
    fr_bodies_free(bodies);
}

static void test_all_of_a_post_is_kept(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(1 << 20);
    char text[] = "the caller's";
    put(bodies, 1, 2, text);
    memset(text, 'x', sizeof text - 1);
    struct fr_body *body = fr_bodies_find(bodies, 1, 2);
    const struct fr_post *kept = fr_body_post(body);
    assert_true(fr_str_equal(kept->text, FR_STR("the caller's")));
    assert_int_equal(kept->id, 1);
    assert_int_equal(kept->author_id, 7);
    assert_int_equal(kept->created_at_ms, 1000);
    assert_int_equal(kept->edited_at_ms, 2000);
    fr_body_release(body);
    fr_bodies_free(bodies);
}

static void test_deleted_post_stays_away(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(1 << 20);
    put(bodies, 1, 1, "soon gone");
    fr_bodies_bury(bodies, 1);
    assert_text(bodies, 1, 1, "");
    assert_text(bodies, 1, 0, "");
    put(bodies, 1, 2, "late");
    assert_text(bodies, 1, 2, "");
    fr_bodies_bury(bodies, 2);
    put(bodies, 2, 1, "told after its deletion");
    assert_text(bodies, 2, 1, "");
    fr_bodies_free(bodies);
}

/* What is held outlives its place in the cache, and the cache. */
static void test_held_body_stays(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(1 << 20);
    put(bodies, 1, 1, "held");
    struct fr_body *body = fr_bodies_find(bodies, 1, 1);
    put(bodies, 1, 2, "newer");
    fr_bodies_free(bodies);
    assert_true(fr_str_equal(fr_body_post(body)->text, FR_STR("held")));
    fr_body_release(body);
}

/* One shard of 64 KiB: the least recently used goes first. */
static void test_bound(void **state)
{
    enum { TEXT = 4000, POSTS = 40 };
    struct fr_bodies *bodies = fr_bodies_new(64 * 1024);
    char text[TEXT + 1];
    memset(text, 'x', TEXT);
    text[TEXT] = '\0';
    put(bodies, 1, 1, "used again and again");
    for (int64_t id = 2; id <= POSTS; id++) {
        put(bodies, id, 1, text);
        assert_text(bodies, id, 1, text);
        assert_text(bodies, 1, 1, "used again and again");
    }
    int kept = 0;
    for (int64_t id = 2; id <= POSTS; id++) {
        struct fr_body *body = fr_bodies_find(bodies, id, 1);
        assert_true(body != NULL || kept == 0); /* the oldest are gone */
        kept += body != NULL;
        fr_body_release(body);
    }
    assert_in_range(kept, 14, 16);
    fr_bodies_free(bodies);
}

/* ---- what is written of them ---- */

static struct fr_body *write(struct fr_bodies *bodies, int64_t id, enum fr_encoding encoding)
{
    struct fr_body *body = fr_bodies_find(bodies, id, 0);
    assert_non_null(body);
    return fr_bodies_write(bodies, body, encoding);
}

static void assert_written(struct fr_bodies *bodies, int64_t id, enum fr_encoding encoding,
                           struct fr_str bytes)
{
    struct fr_body *body = write(bodies, id, encoding);
    struct fr_str written = fr_body_written(body, encoding);
    if (!fr_str_equal(written, bytes))
        fail_msg("post %lld: expected %.*s, got %.*s", (long long)id, FR_STR_ARG(bytes), FR_STR_ARG(written));
    fr_body_release(body);
}

#define TIMES "\"author_user_id\":\"7\",\"created_at\":\"1970-01-01T00:00:01.000Z\""

static void test_written_as_it_reads_now(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(1 << 20);
    put(bodies, 1, 1, "\"first\"");
    for (int times = 0; times < 2; times++) {
        assert_written(bodies, 1, FR_ENCODING_JSON,
                       FR_STR("{\"id\":\"1\",\"text\":\"\\\"first\\\"\"," TIMES "}"));
        assert_written(bodies, 1, FR_ENCODING_PROTOBUF,
                       FR_STR("\x0a\x10\x08\x01\x12\x07\"first\"\x18\x07\x20\xe8\x07"));
    }
    put(bodies, 1, 2, "second");
    assert_written(
        bodies, 1, FR_ENCODING_JSON,
        FR_STR("{\"id\":\"1\",\"text\":\"second\"," TIMES ",\"edited_at\":\"1970-01-01T00:00:02.000Z\"}"));
    put(bodies, 1, 1, "first, late");
    assert_written(
        bodies, 1, FR_ENCODING_JSON,
        FR_STR("{\"id\":\"1\",\"text\":\"second\"," TIMES ",\"edited_at\":\"1970-01-01T00:00:02.000Z\"}"));
    fr_bodies_free(bodies);
}

/* Whatever was written of it before, the text is what was put. */
static void test_text_stays(void **state)
{
    static const struct {
        const char *comment, *text;
    } rows[] = {
        {"empty", ""},
        {"stands in both as it is", "plain"},
        {"is a part of something else in JSON", "id"},
        {"escaped in JSON", "a \"quoted\" \\ word"},
        {"one byte", "\n"},
        {"as in a JSON of another", "{\"id\":\"1\"}"},
    };
    static const enum fr_encoding orders[][2] = {{FR_ENCODING_JSON, FR_ENCODING_PROTOBUF},
                                                 {FR_ENCODING_PROTOBUF, FR_ENCODING_JSON}};
    for (size_t i = 0; i < FR_COUNT_OF(rows); i++) {
        for (size_t order = 0; order < FR_COUNT_OF(orders); order++) {
            struct fr_bodies *bodies = fr_bodies_new(1 << 20);
            put(bodies, 1, 1, rows[i].text);
            for (size_t step = 0; step < 2; step++) {
                struct fr_body *body = write(bodies, 1, orders[order][step]);
                assert_true(fr_body_written(body, orders[order][step]).len > strlen(rows[i].text));
                fr_body_release(body);
                body = fr_bodies_find(bodies, 1, 1);
                if (!fr_str_equal(fr_body_post(body)->text, fr_str_of(rows[i].text)))
                    fail_msg("%s: got \"%.*s\"", rows[i].comment, FR_STR_ARG(fr_body_post(body)->text));
                fr_body_release(body);
            }
            fr_bodies_free(bodies);
        }
    }
}

static int64_t body_bytes(void)
{
    return fr_metric_get(FR_METRIC_BODY_BYTES);
}

/* It counts instead of the text that stands in it, is written once, and goes with its body. */
static void test_written_counts(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(1 << 20);
    int64_t empty = body_bytes();
    put(bodies, 1, 1, "first");
    int64_t alone = body_bytes();
    struct fr_body *body = write(bodies, 1, FR_ENCODING_JSON);
    int64_t json = (int64_t)fr_body_written(body, FR_ENCODING_JSON).len;
    assert_int_equal(body_bytes(), alone + json - (int64_t)strlen("first"));
    assert_ptr_equal(fr_bodies_write(bodies, body, FR_ENCODING_JSON), body);
    body = fr_bodies_write(bodies, body, FR_ENCODING_PROTOBUF);
    int64_t both = json + (int64_t)fr_body_written(body, FR_ENCODING_PROTOBUF).len;
    assert_int_equal(fr_body_written(body, FR_ENCODING_JSON).len, json);
    assert_int_equal(body_bytes(), alone + both - (int64_t)strlen("first"));
    put(bodies, 1, 2, "other");
    assert_int_equal(body_bytes(), alone);
    fr_body_release(body);
    fr_bodies_free(bodies);
    assert_int_equal(body_bytes(), empty);
}

/* What has left the cache while it was held does not come back because it is written. */
static void test_written_too_late(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(1 << 20);
    put(bodies, 1, 1, "edited meanwhile");
    put(bodies, 2, 1, "deleted meanwhile");
    struct fr_body *edited = fr_bodies_find(bodies, 1, 1), *deleted = fr_bodies_find(bodies, 2, 1);
    put(bodies, 1, 2, "newer");
    fr_bodies_bury(bodies, 2);
    int64_t before = body_bytes();
    edited = fr_bodies_write(bodies, edited, FR_ENCODING_JSON);
    deleted = fr_bodies_write(bodies, deleted, FR_ENCODING_JSON);
    assert_true(fr_body_written(edited, FR_ENCODING_JSON).len > 0);
    assert_true(fr_body_written(deleted, FR_ENCODING_JSON).len > 0);
    assert_int_equal(body_bytes(), before);
    assert_text(bodies, 1, 0, "newer");
    assert_text(bodies, 2, 0, "");
    fr_body_release(edited);
    fr_body_release(deleted);
    fr_bodies_free(bodies);
}

/* One shard of 64 KiB: what is written takes the place of bodies that are not asked for. */
static void test_written_makes_others_go(void **state)
{
    enum { TEXT = 4000, POSTS = 12, BOUND = 64 * 1024 };
    struct fr_bodies *bodies = fr_bodies_new(BOUND);
    int64_t empty = body_bytes(), last = 0;
    char text[TEXT + 1];
    memset(text, '\x01', TEXT); /* six bytes each in JSON */
    text[TEXT] = '\0';
    for (int64_t id = 1; id <= POSTS; id++)
        put(bodies, id, 1, text);
    for (int64_t id = POSTS; id > 0; id--) {
        struct fr_body *body = fr_bodies_find(bodies, id, 1);
        if (body == NULL)
            continue;
        body = fr_bodies_write(bodies, body, FR_ENCODING_JSON);
        assert_true(fr_body_written(body, FR_ENCODING_JSON).len > 6 * (size_t)TEXT);
        assert_text(bodies, id, 1, text);
        assert_true(body_bytes() - empty <= BOUND);
        fr_body_release(body);
        last = id;
    }
    assert_in_range(last, 7, POSTS - 1); /* two of them fit, and the oldest went */
    fr_bodies_free(bodies);
    assert_int_equal(body_bytes(), empty);
}

/* A body that fits by itself, and not with what is written of it. */
static void test_written_is_too_long(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(300);
    put(bodies, 1, 1, "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01");
    assert_written(bodies, 1, FR_ENCODING_JSON, FR_STR_NONE);
    struct fr_body *body = fr_bodies_find(bodies, 1, 1);
    assert_non_null(body);
    fr_body_release(body);
    fr_bodies_free(bodies);
}

enum { WRITERS = 4, ROUNDS = 20000 };

static void *write_and_put(void *arg)
{
    struct fr_bodies *bodies = arg;
    for (int round = 1; round <= ROUNDS; round++) {
        int64_t id = 1 + round % 7;
        struct fr_body *body = fr_bodies_find(bodies, id, 0);
        if (round % 64 == 0)
            put(bodies, id, round, "edited");
        if (body == NULL)
            continue;
        body = fr_bodies_write(bodies, body, round % 2 == 0 ? FR_ENCODING_JSON : FR_ENCODING_PROTOBUF);
        body = fr_bodies_write(bodies, body, round % 2 == 0 ? FR_ENCODING_PROTOBUF : FR_ENCODING_JSON);
        struct fr_str text = fr_body_post(body)->text;
        size_t json = fr_body_written(body, FR_ENCODING_JSON).len;
        size_t packed = fr_body_written(body, FR_ENCODING_PROTOBUF).len;
        bool right = packed > text.len && json > packed && (text.data[0] == 'e' || text.data[0] == 'f');
        fr_body_release(body);
        if (!right)
            return arg; /* checks are for the test's own thread */
    }
    return NULL;
}

static void test_written_by_many_threads(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(1 << 20);
    pthread_t threads[WRITERS];
    int64_t empty = body_bytes();
    for (int64_t id = 1; id <= 7; id++)
        put(bodies, id, 1, "first");
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_and_put, bodies), 0);
    for (int i = 0; i < WRITERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    fr_bodies_free(bodies);
    assert_int_equal(body_bytes(), empty);
}

static void test_none_is_kept(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(0);
    put(bodies, 1, 1, "x");
    fr_bodies_bury(bodies, 2);
    assert_text(bodies, 1, 1, "");
    fr_bodies_free(bodies);
    bodies = fr_bodies_new(100); /* too small for any */
    put(bodies, 1, 1, "a text");
    assert_text(bodies, 1, 1, "");
    fr_bodies_free(bodies);
    fr_bodies_free(NULL);
}

static void test_many(void **state)
{
    enum { POSTS = 5000 };
    struct fr_bodies *bodies = fr_bodies_new(16 << 20);
    char text[32];
    for (int64_t id = 1; id <= POSTS; id++) {
        snprintf(text, sizeof text, "text %lld", (long long)id);
        put(bodies, id << 22, 1, text);
    }
    for (int64_t id = 1; id <= POSTS; id++) {
        snprintf(text, sizeof text, "text %lld", (long long)id);
        assert_text(bodies, id << 22, 1, text);
    }
    fr_bodies_free(bodies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_revision_stays),
        cmocka_unit_test(test_all_of_a_post_is_kept),
        cmocka_unit_test(test_deleted_post_stays_away),
        cmocka_unit_test(test_held_body_stays),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_written_as_it_reads_now),
        cmocka_unit_test(test_text_stays),
        cmocka_unit_test(test_written_counts),
        cmocka_unit_test(test_written_too_late),
        cmocka_unit_test(test_written_makes_others_go),
        cmocka_unit_test(test_written_is_too_long),
        cmocka_unit_test(test_written_by_many_threads),
        cmocka_unit_test(test_none_is_kept),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
