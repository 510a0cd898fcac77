#include "check.h"
#include "event.h"

static struct fr_buf encode(enum fr_event_kind kind, int64_t post_id, const char *text)
{
    struct fr_event event = {.kind = kind,
                             .post_id = post_id,
                             .author_id = 7,
                             .text = fr_str_of(text),
                             .revision = 1,
                             .created_at_ms = 1767225600000};
    struct fr_buf buf;
    fr_buf_init(&buf, FR_EVENT_BYTES_MAX);
    fr_wire_encode_event(&buf, &event);
    assert_int_equal(fr_buf_status(&buf), FR_OK);
    return buf;
}

static struct live_event *decode(struct event_cache *cache, const struct fr_buf *buf)
{
    struct live_event *event = NULL;
    struct fr_error error = {0};
    if (fr_delivery_event_decode(cache, fr_buf_str(buf), &event, &error) != FR_OK)
        fail_msg("not decoded: %s", error.message);
    return event;
}

static void test_same_bytes_share_one_frame(void **state)
{
    struct event_cache cache = {0};
    struct fr_buf a = encode(FR_EVENT_POST, 1001, "hello"), b = encode(FR_EVENT_POST, 1001, "hellp");
    struct live_event *first = decode(&cache, &a), *again = decode(&cache, &a), *other = decode(&cache, &b);
    assert_ptr_equal(first, again);
    assert_ptr_not_equal(first, other);
    assert_int_equal(fr_delivery_event_post(first), 1001);
    assert_true(
        fr_str_equal(fr_frame_payload(fr_delivery_event_frame(first, FR_ENCODING_PLAIN)),
                     FR_STR("{\"postId\":\"1001\",\"postText\":\"hello\",\"author_user_id\":\"7\"}")));
    assert_true(
        fr_str_equal(fr_frame_payload(fr_delivery_event_frame(other, FR_ENCODING_PLAIN)),
                     FR_STR("{\"postId\":\"1001\",\"postText\":\"hellp\",\"author_user_id\":\"7\"}")));
    /* They outlive the cache. */
    fr_delivery_event_cache_release(&cache);
    fr_delivery_event_release(again);
    assert_int_equal(fr_delivery_event_kind(first), FR_EVENT_POST);
    fr_delivery_event_release(first);
    fr_delivery_event_release(other);
    fr_buf_release(&a);
    fr_buf_release(&b);
}

static void test_only_posts_make_plain_frames(void **state)
{
    struct event_cache cache = {0};
    struct fr_buf edit = encode(FR_EVENT_EDIT, 5, "new"), deletion = encode(FR_EVENT_DELETE, 5, "");
    struct live_event *a = decode(&cache, &edit), *b = decode(&cache, &deletion);
    assert_null(fr_delivery_event_frame(a, FR_ENCODING_PLAIN));
    assert_null(fr_delivery_event_frame(b, FR_ENCODING_PLAIN));
    fr_delivery_event_release(a);
    fr_delivery_event_release(b);
    fr_delivery_event_cache_release(&cache);
    fr_buf_release(&edit);
    fr_buf_release(&deletion);
}

static void test_longest_text_fits(void **state)
{
    struct event_cache cache = {0};
    char text[FR_POST_TEXT_MAX + 1];
    memset(text, 1, FR_POST_TEXT_MAX); /* six characters each in JSON */
    text[FR_POST_TEXT_MAX] = '\0';
    struct fr_buf buf = encode(FR_EVENT_POST, INT64_MAX, text);
    struct live_event *event = decode(&cache, &buf);
    assert_true(fr_frame_payload(fr_delivery_event_frame(event, FR_ENCODING_PLAIN)).len >
                6 * FR_POST_TEXT_MAX);
    fr_delivery_event_release(event);
    fr_delivery_event_cache_release(&cache);
    fr_buf_release(&buf);
}

static void test_garbage(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str bytes;
    } rows[] = {
        {"empty", {"", 0}},
        {"no protobuf", {"\xff\xff\xff\xff", 4}},
        {"text", {"hello, this is no event at all", 30}},
    };
    struct event_cache cache = {0};
    FR_FOR_ROWS(row, rows)
    {
        struct live_event *event = NULL;
        struct fr_error error;
        FR_ASSERT_ROW(row, fr_delivery_event_decode(&cache, row->bytes, &event, &error) == FR_PROTOCOL);
        FR_ASSERT_ROW(row, event == NULL);
    }
    fr_delivery_event_cache_release(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes_share_one_frame),
        cmocka_unit_test(test_only_posts_make_plain_frames),
        cmocka_unit_test(test_longest_text_fits),
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
