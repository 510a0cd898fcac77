#include "pages.h"

#include "check.h"

/* Of very many requests so many are for pages as there are pages for a post. */
static void the_ratio_is_kept(void **state)
{
    enum { DRAWN = 200000 };
    static const struct {
        const char *comment;
        uint64_t per_post;
        double least, most; /* share of pages */
    } rows[] = {
        {"none", 0, 0, 0},
        {"one for a post", 1, 0.49, 0.51},
        {"ten for a post", 10, 0.90, 0.92},
        {"a hundred for a post", 100, 0.985, 0.995},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_random random = fr_random_of_seed(7);
        const struct pages pages = {.per_post = row->per_post};
        int found = 0;
        for (int i = 0; i < DRAWN; i++)
            found += pages_turn(&pages, &random);
        double share = (double)found / DRAWN;
        FR_ASSERT_ROW(row, share >= row->least && share <= row->most);
    }
}

static void answers_are_counted_by_what_they_are(void **state)
{
    static struct pages pages = {.per_post = 1};
    const struct answer good = {PAGE_TAG, 200, FR_STR("[]"), 1000, 6000},
                        bad = {PAGE_TAG, 503, FR_STR("busy"), 1000, 9000},
                        broken = {PAGE_TAG, 0, FR_STR("gone"), 1000, 9000};
    pages_on_answer(&pages, &good);
    pages_on_answer(&pages, &bad);
    pages_on_answer(&pages, &broken);
    assert_int_equal(pages.answers, 1);
    assert_int_equal(pages.bytes, 2);
    assert_int_equal(pages.failures, 2);
    assert_string_equal(pages.failure, "503 busy"); /* the first one */
    /* What failed has no place among the times. */
    assert_int_equal(pages.times.total, 1);
    assert_int_equal(pages.times.max_ns, 5000);
}

static void a_request_is_of_a_reader(void **state)
{
    struct address address = {.authority = "127.0.0.1:80"};
    char one_token[] = "one", two_token[] = "two";
    struct person list[] = {{1, one_token}, {2, two_token}};
    struct people readers = {.list = list, .count = 2};
    const struct pages pages = {.address = &address, .path = "/page", .readers = &readers, .per_post = 1};
    struct fr_random random = fr_random_of_seed(7);
    bool seen[2] = {false};
    for (int i = 0; i < 50; i++) {
        struct fr_buf request;
        fr_buf_init(&request, 4096);
        pages_write_request(&pages, &random, &request);
        bool one = fr_str_equal(
            fr_buf_str(&request),
            FR_STR("GET /page HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAuthorization: Bearer one\r\n\r\n"));
        bool two = fr_str_equal(
            fr_buf_str(&request),
            FR_STR("GET /page HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAuthorization: Bearer two\r\n\r\n"));
        assert_true(one != two);
        seen[two] = true;
        fr_buf_release(&request);
    }
    assert_true(seen[0] && seen[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ratio_is_kept),
        cmocka_unit_test(answers_are_counted_by_what_they_are),
        cmocka_unit_test(a_request_is_of_a_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
