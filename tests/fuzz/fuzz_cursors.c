/* Cursors of pages and of the live flow: what was made comes back, what was changed is refused. */
#include "auth/auth.h"
#include "delivery/delivery.h"
#include "fuzz.h"
#include "timeline/timeline.h"

static struct fr_keyring *keyring;

void fr_fuzz_begin(void)
{
    struct fr_error error = {0};
    if (fr_auth_init(&error) != FR_OK ||
        fr_keyring_load(NULL, "k1:0123456789abcdef0123456789abcdef", &keyring, &error) != FR_OK)
        abort();
}

static void any_text(struct fr_fuzz_input input)
{
    struct fr_str text = {(const char *)input.data, input.len};
    int64_t last_id;
    if (fr_page_cursor_parse(text, &last_id) == FR_OK) {
        char again[FR_PAGE_CURSOR_SIZE];
        fr_page_cursor_format(last_id, again);
        FR_FUZZ_RULE(fr_str_equal(fr_str_of(again), text), "a page's cursor has one form");
    }
    struct fr_cursor cursor;
    struct fr_error error = {0};
    enum fr_status status = fr_cursor_parse(keyring, 7, text, &cursor, &error);
    FR_FUZZ_RULE(status == FR_INVALID, "nobody can make a cursor without the key");
    fr_fuzz_check_error(status, &error, true);
}

static void check_same(const struct fr_cursor *a, const struct fr_cursor *b)
{
    FR_FUZZ_RULE(a->present_ms == b->present_ms && a->feed.epoch == b->feed.epoch &&
                     a->feed.sequence == b->feed.sequence && a->celebrities.epoch == b->celebrities.epoch &&
                     a->celebrities.sequence == b->celebrities.sequence,
                 "a cursor comes back");
}

static void made_and_changed(struct fr_fuzz_input input)
{
    int64_t user_id = fr_fuzz_take_i64(&input);
    struct fr_cursor cursor = {
        .present_ms = fr_fuzz_take_i64(&input),
        .feed = {fr_fuzz_take_i64(&input), (uint64_t)fr_fuzz_take_i64(&input)},
        .celebrities = {fr_fuzz_take_i64(&input), (uint64_t)fr_fuzz_take_i64(&input)},
    };
    struct fr_cursor again;
    struct fr_error error = {0};
    char text[FR_CURSOR_SIZE];
    fr_cursor_format(keyring, user_id, &cursor, text);
    FR_FUZZ_RULE(fr_cursor_parse(keyring, user_id, fr_str_of(text), &again, &error) == FR_OK,
                 "its user may use it");
    check_same(&cursor, &again);
    FR_FUZZ_RULE(fr_cursor_parse(keyring, user_id ^ 1, fr_str_of(text), &again, &error) == FR_INVALID,
                 "nobody else");
    size_t place = fr_fuzz_take_byte(&input) % (FR_CURSOR_SIZE - 1);
    char other = (char)fr_fuzz_take_byte(&input), before = text[place];
    text[place] = other;
    FR_FUZZ_RULE(other == before || fr_cursor_parse(keyring, user_id, (struct fr_str){text, sizeof text - 1},
                                                    &again, &error) == FR_INVALID,
                 "no character may be changed");
}

void fr_fuzz_one(const uint8_t *data, size_t len)
{
    struct fr_fuzz_input input = {data, len};
    if (fr_fuzz_take_byte(&input) % 2 == 0)
        any_text(input);
    else
        made_and_changed(input);
}
