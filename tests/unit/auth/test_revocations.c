#include "auth/revocations.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "check.h"

#define NOW_MS INT64_C(1767323045678)

static int init(void **state)
{
    return fr_auth_init(NULL) == FR_OK ? 0 : -1;
}

static struct fr_token token_of(int64_t user_id, uint64_t number, int64_t issued_ms)
{
    struct fr_token token = {.user_id = user_id, .issued_ms = issued_ms, .expires_ms = issued_ms + 1000};
    snprintf(token.id, sizeof token.id, "%016llx%016llx", (unsigned long long)(number * 0x9e3779b97f4a7c15),
             (unsigned long long)(number * 0xbf58476d1ce4e5b9));
    return token;
}

static struct fr_revocation of_token(const struct fr_token *token, int64_t until_ms)
{
    struct fr_revocation revocation = {.until_ms = until_ms};
    assert_int_equal(fr_revocation_parse(fr_str_of(token->id), &revocation), FR_OK);
    return revocation;
}

static void expire(struct fr_revocations *set, int64_t now_ms)
{
    while (!fr_revocations_expire_some(set, now_ms))
        ;
}

static void names_are_read_strictly(void **state)
{
    static const struct {
        const char *comment, *name;
        enum fr_status status;
        int64_t user_id;
    } rows[] = {
        {"a token", "00112233445566778899aabbccddeeff", FR_OK, 0},
        {"a user", "user:178412309504000001", FR_OK, INT64_C(178412309504000001)},
        {"nothing", "", FR_INVALID, 0},
        {"too short", "00112233445566778899aabbccddeef", FR_INVALID, 0},
        {"too long", "00112233445566778899aabbccddeeff0", FR_INVALID, 0},
        {"no hex", "00112233445566778899aabbccddeefg", FR_INVALID, 0},
        {"nobody", "user:", FR_INVALID, 0},
        {"user 0", "user:0", FR_INVALID, 0},
        {"no number", "user:1a", FR_INVALID, 0},
        {"another kind", "room:1", FR_INVALID, 0},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_revocation revocation = {.user_id = -1};
        FR_ASSERT_ROW(row, fr_revocation_parse(fr_str_of(row->name), &revocation) == row->status);
        FR_ASSERT_ROW(row, revocation.user_id == (row->status == FR_OK ? row->user_id : -1));
    }
}

static void a_token_is_revoked_alone(void **state)
{
    struct fr_revocations *set = fr_revocations_new(100);
    struct fr_token revoked = token_of(1, 1, NOW_MS), other = token_of(1, 2, NOW_MS);
    struct fr_revocation revocation = of_token(&revoked, NOW_MS + 10);
    assert_false(fr_revocations_cover(set, &revoked));
    assert_true(fr_revocations_add(set, &revocation));
    assert_false(fr_revocations_add(set, &revocation)); /* no news */
    assert_true(fr_revocations_cover(set, &revoked));
    assert_false(fr_revocations_cover(set, &other));
    assert_int_equal(fr_revocations_count(set), 1);
    expire(set, NOW_MS + 9);
    assert_true(fr_revocations_cover(set, &revoked));
    expire(set, NOW_MS + 10);
    assert_false(fr_revocations_cover(set, &revoked));
    assert_int_equal(fr_revocations_count(set), 0);
    fr_revocations_free(set);
}

static void a_users_tokens_are_revoked_until_a_moment(void **state)
{
    struct fr_revocations *set = fr_revocations_new(100);
    struct fr_token before = token_of(7, 1, NOW_MS - 1), at = token_of(7, 2, NOW_MS),
                    after = token_of(7, 3, NOW_MS + 1), others = token_of(8, 4, NOW_MS - 1);
    struct fr_revocation revocation = {.user_id = 7, .revoked_ms = NOW_MS, .until_ms = NOW_MS + 10};
    assert_true(fr_revocations_add(set, &revocation));
    assert_true(fr_revocations_cover(set, &before));
    assert_true(fr_revocations_cover(set, &at));
    assert_false(fr_revocations_cover(set, &after));
    assert_false(fr_revocations_cover(set, &others));
    revocation.revoked_ms = NOW_MS - 5;
    assert_false(fr_revocations_add(set, &revocation)); /* an older one changes nothing */
    assert_true(fr_revocations_cover(set, &at));
    revocation.revoked_ms = NOW_MS + 5;
    assert_true(fr_revocations_add(set, &revocation)); /* a later one is news */
    assert_true(fr_revocations_cover(set, &after));
    assert_int_equal(fr_revocations_count(set), 1);
    fr_revocations_free(set);
}

static void past_the_bound_no_revoked_token_is_good(void **state)
{
    enum { MAX = 100, ALL = 2000, GOOD = 10000 };
    struct fr_revocations *set = fr_revocations_new(MAX);
    for (uint64_t i = 0; i < ALL; i++) {
        struct fr_token token = token_of(1, i, NOW_MS);
        struct fr_revocation revocation = of_token(&token, NOW_MS + 10);
        assert_true(fr_revocations_add(set, &revocation));
        assert_int_equal(fr_revocations_overflowed(set), i >= MAX);
    }
    assert_int_equal(fr_revocations_count(set), MAX);
    for (uint64_t i = 0; i < ALL; i++) {
        struct fr_token token = token_of(1, i, NOW_MS);
        assert_true(fr_revocations_cover(set, &token));
    }
    int refused = 0;
    for (uint64_t i = ALL; i < ALL + GOOD; i++) {
        struct fr_token token = token_of(1, i, NOW_MS);
        refused += fr_revocations_cover(set, &token);
    }
    assert_in_range(refused, 0, GOOD / 1000);
    /* Users have places of their own. */
    struct fr_revocation user = {.user_id = 1000000, .revoked_ms = NOW_MS, .until_ms = NOW_MS + 10};
    struct fr_token later = token_of(1000000, ALL + GOOD, NOW_MS + 1);
    assert_true(fr_revocations_add(set, &user));
    assert_false(fr_revocations_cover(set, &later));
    expire(set, NOW_MS + 10);
    assert_int_equal(fr_revocations_count(set), 0);
    struct fr_token overflowed = token_of(1, ALL - 1, NOW_MS);
    assert_true(fr_revocations_cover(set, &overflowed));
    fr_revocations_free(set);
}

/* In parts, of which none is a large one of the whole; what has not ended stays. */
static void a_large_set_expires_bit_by_bit(void **state)
{
    enum { ALL = 50000 };
    struct fr_revocations *set = fr_revocations_new(ALL);
    for (uint64_t i = 0; i < ALL; i++) {
        struct fr_token token = token_of(1, i, NOW_MS);
        struct fr_revocation revocation = of_token(&token, NOW_MS + (int64_t)(i % 2));
        assert_true(fr_revocations_add(set, &revocation));
    }
    size_t left = ALL;
    bool over = false;
    while (!over) {
        over = fr_revocations_expire_some(set, NOW_MS);
        assert_in_range(left - fr_revocations_count(set), 0, ALL / 20);
        left = fr_revocations_count(set);
    }
    assert_int_equal(left, ALL / 2);
    for (uint64_t i = 0; i < ALL; i++) {
        struct fr_token token = token_of(1, i, NOW_MS);
        assert_int_equal(fr_revocations_cover(set, &token), i % 2 == 1);
    }
    expire(set, NOW_MS + 1); /* from the beginning again */
    assert_int_equal(fr_revocations_count(set), 0);
    fr_revocations_free(set);
}

/* ---- many threads ---- */

enum { READERS = 3, TOKENS = 3000 };

struct race {
    struct fr_revocations *set;
    atomic_int revoked; /* tokens below this number are revoked */
    atomic_int broken;
};

static void *look(void *arg)
{
    struct race *race = arg;
    int revoked;
    do {
        revoked = atomic_load(&race->revoked);
        for (int i = revoked > 50 ? revoked - 50 : 0; i < revoked; i++) {
            struct fr_token token = token_of(1, (uint64_t)i, NOW_MS);
            if (!fr_revocations_cover(race->set, &token))
                atomic_fetch_add(&race->broken, 1);
        }
    } while (revoked < TOKENS);
    return NULL;
}

static void threads_see_what_was_added(void **state)
{
    struct race race = {.set = fr_revocations_new(TOKENS - 100)};
    pthread_t readers[READERS];
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, look, &race), 0);
    for (int i = 0; i < TOKENS; i++) {
        struct fr_token token = token_of(1, (uint64_t)i, NOW_MS);
        struct fr_revocation revocation = of_token(&token, NOW_MS + 10);
        fr_revocations_add(race.set, &revocation);
        atomic_store(&race.revoked, i + 1);
        if (i % 500 == 0)
            expire(race.set, NOW_MS);
    }
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(atomic_load(&race.broken), 0);
    fr_revocations_free(race.set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_strictly),
        cmocka_unit_test(a_token_is_revoked_alone),
        cmocka_unit_test(a_users_tokens_are_revoked_until_a_moment),
        cmocka_unit_test(past_the_bound_no_revoked_token_is_good),
        cmocka_unit_test(a_large_set_expires_bit_by_bit),
        cmocka_unit_test(threads_see_what_was_added),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
