/* Generated data into the tables, as they are when every event was worked off: there are no events.
 *
 * Everything is computed while it is copied, table by table, in the order of the table's key. The walk over
 * the graph is made once for each table; for the followers, which want the other order, once for every
 * FOLLOWERS_AT_ONCE of them. */
#include <stdlib.h>

#include "generate.h"

enum {
    LOOK_EVERY = 4096,                   /* rows */
    FOLLOWERS_AT_ONCE = 32 * 1024 * 1024 /* 4 bytes each */
};

static enum fr_status look_for_interrupt(const struct generate *generate, struct fr_error *error)
{
    return interrupt_came(generate->interrupt) ? fr_error_set(error, FR_CANCELLED, NULL, "interrupted")
                                               : FR_OK;
}

static enum fr_status put_row(struct generate *generate, const struct fr_param *row, size_t count,
                              struct fr_error *error)
{
    if (++generate->rows % LOOK_EVERY == 0) {
        progress_show(&generate->progress, generate->rows, generate->rows_expected, generate->rows);
        if (look_for_interrupt(generate, error) != FR_OK)
            return FR_CANCELLED;
    }
    return fr_session_copy_row(generate->session, row, count, error);
}
#define PUT(generate, error, ...)                             \
    put_row(generate, (const struct fr_param[]){__VA_ARGS__}, \
            sizeof((struct fr_param[]){__VA_ARGS__}) / sizeof(struct fr_param), error)

/* ---- people and posts ---- */

static enum fr_status put_users(struct generate *generate, struct fr_error *error)
{
    const struct people_options *people = &generate->people;
    int64_t *ids = fr_alloc_array((size_t)people->posts_max + 1, sizeof *ids);
    enum fr_status status = FR_OK;
    for (int64_t user = 1; user <= generate->graph_options.users && status == FR_OK; user++) {
        struct person person = people_describe(people, user);
        size_t count = people_post_ids(people, user, ids);
        status = PUT(generate, error, FR_P_I64(user), FR_P_TEXT(fr_str_of(person.first_name)),
                     FR_P_TEXT(fr_str_of(person.second_name)), FR_P_DATE(person.birthdate),
                     FR_P_TEXT(fr_str_of(person.city)), FR_P_TIME_MS(people_start_ms(people)),
                     FR_P_I64(count > 0 ? ids[count - 1] : 0),
                     FR_P_I64(graph_follower_count(generate->graph, user)),
                     FR_P_BOOL(graph_is_celebrity(generate->graph, user)));
    }
    free(ids);
    return status;
}

static enum fr_status put_celebrities(struct generate *generate, struct fr_error *error)
{
    enum fr_status status = FR_OK;
    for (int64_t user = 1; user <= generate->graph_options.users && status == FR_OK; user++)
        if (graph_is_celebrity(generate->graph, user))
            status = PUT(generate, error, FR_P_I64(user), FR_P_TIME_MS(people_start_ms(&generate->people)));
    return status;
}

static enum fr_status put_posts(struct generate *generate, struct fr_error *error)
{
    const struct people_options *people = &generate->people;
    int64_t *ids = fr_alloc_array((size_t)people->posts_max + 1, sizeof *ids);
    enum fr_status status = FR_OK;
    for (int64_t user = 1; user <= generate->graph_options.users && status == FR_OK; user++) {
        size_t count = people_post_ids(people, user, ids);
        for (size_t i = 0; i < count && status == FR_OK; i++) {
            char text[GENERATED_TEXT_MAX];
            status =
                PUT(generate, error, FR_P_I64(user), FR_P_I64(ids[i]),
                    FR_P_TEXT(people_text(people, ids[i], text)), FR_P_TIME_MS(fr_snowflake_time_ms(ids[i])));
        }
    }
    free(ids);
    return status;
}

static enum fr_status put_celebrity_posts(struct generate *generate, struct fr_error *error)
{
    int64_t *ids = fr_alloc_array((size_t)generate->people.posts_max + 1, sizeof *ids);
    enum fr_status status = FR_OK;
    for (int64_t user = 1; user <= generate->graph_options.users && status == FR_OK; user++) {
        if (!graph_is_celebrity(generate->graph, user))
            continue;
        size_t count = people_post_ids(&generate->people, user, ids);
        for (size_t i = 0; i < count && status == FR_OK; i++)
            status = PUT(generate, error, FR_P_I64(user), FR_P_I64(ids[i]));
    }
    free(ids);
    return status;
}

/* ---- edges ---- */

static int compare_users(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static enum fr_status put_followees(struct generate *generate, struct fr_error *error)
{
    uint32_t *sorted = fr_alloc_array((size_t)generate->graph_options.follows_max + 1, sizeof *sorted);
    int64_t made_ms = people_start_ms(&generate->people);
    const uint32_t *followed;
    size_t count;
    enum fr_status status = FR_OK;
    graph_rewind(generate->graph);
    for (int64_t user = 1; status == FR_OK && graph_next(generate->graph, &followed, &count); user++) {
        memcpy(sorted, followed, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, compare_users);
        for (size_t i = 0; i < count && status == FR_OK; i++)
            status = PUT(generate, error, FR_P_I64(user), FR_P_I64(sorted[i]), FR_P_TIME_MS(made_ms));
    }
    free(sorted);
    return status;
}

/* The authors from `first` whose followers are taken together: FOLLOWERS_AT_ONCE followers, but one author at
 * least. */
static int64_t last_of_slice(const struct generate *generate, int64_t first, size_t *ret_followers)
{
    size_t followers = 0;
    int64_t user = first;
    for (; user <= generate->graph_options.users; user++) {
        size_t more = (size_t)graph_follower_count(generate->graph, user);
        if (user > first && followers + more > FOLLOWERS_AT_ONCE)
            break;
        followers += more;
    }
    *ret_followers = followers;
    return user - 1;
}

/* Walks the graph and sorts the edges to authors first..last by author; within one the walk has them in
 * order. */
static enum fr_status put_followers_of(struct generate *generate, int64_t first, int64_t last, size_t edges,
                                       struct fr_error *error)
{
    size_t authors = (size_t)(last - first + 1), count;
    size_t *places = fr_alloc_array(authors + 1, sizeof *places);
    uint32_t *followers = fr_alloc_array(edges + 1, sizeof *followers);
    const uint32_t *followed;
    enum fr_status status = FR_OK;
    for (size_t i = 0; i < authors; i++)
        places[i + 1] = places[i] + (size_t)graph_follower_count(generate->graph, first + (int64_t)i);
    graph_rewind(generate->graph);
    for (int64_t user = 1; status == FR_OK && graph_next(generate->graph, &followed, &count); user++) {
        for (size_t i = 0; i < count; i++)
            if (followed[i] >= first && followed[i] <= last)
                followers[places[followed[i] - first]++] = (uint32_t)user;
        if (user % LOOK_EVERY == 0)
            status = look_for_interrupt(generate, error);
    }
    /* Each place is now where the next author's followers begin. */
    for (size_t i = 0, place = 0; i < authors && status == FR_OK; i++)
        for (; place < places[i] && status == FR_OK; place++)
            status = PUT(generate, error, FR_P_I64(first + (int64_t)i), FR_P_I64(followers[place]));
    free(places);
    free(followers);
    return status;
}

static enum fr_status put_followers(struct generate *generate, struct fr_error *error)
{
    enum fr_status status = FR_OK;
    for (int64_t first = 1; first <= generate->graph_options.users && status == FR_OK;) {
        size_t edges;
        int64_t last = last_of_slice(generate, first, &edges);
        status = put_followers_of(generate, first, last, edges, error);
        first = last + 1;
    }
    return status;
}

/* ---- feeds ---- */

/* All posts of ordinary authors, by author. */
struct post_index {
    size_t *places; /* of user u: ids[places[u - 1]] to ids[places[u]] */
    int64_t *ids;
};

static void make_index(const struct generate *generate, struct post_index *index)
{
    size_t users = (size_t)generate->graph_options.users, place = 0;
    index->places = fr_alloc_array(users + 1, sizeof *index->places);
    index->ids =
        fr_alloc_array((size_t)(generate->posts + generate->people.posts_max) + 1, sizeof *index->ids);
    for (size_t i = 0; i < users; i++) {
        int64_t user = (int64_t)i + 1;
        if (!graph_is_celebrity(generate->graph, user))
            place += people_post_ids(&generate->people, user, index->ids + place);
        index->places[i + 1] = place;
    }
}

static int compare_newest_first(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x < *y) - (*x > *y);
}

/* Moves the `keep` newest to the front, in no order (quickselect; Hoare 1961). */
static void select_newest(int64_t *ids, size_t count, size_t keep)
{
    size_t low = 0, high = count - 1;
    while (low < high) {
        int64_t pivot = ids[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;; i++, j--) {
            while (ids[i] > pivot)
                i++;
            while (ids[j] < pivot)
                j--;
            if (i >= j)
                break;
            int64_t id = ids[i];
            ids[i] = ids[j];
            ids[j] = id;
        }
        if (keep <= j + 1)
            high = j;
        else
            low = j + 1;
        if (keep == low)
            return;
    }
}

/* The newest feed-cap posts of those that `user` follows; *ret_horizon 0: that is all of them. */
static enum fr_status put_feed(struct generate *generate, int64_t user, int64_t *ids, size_t count,
                               int64_t *ret_horizon, struct fr_error *error)
{
    size_t cap = (size_t)generate->feed_cap;
    enum fr_status status = FR_OK;
    bool cut = count > cap;
    if (cut) {
        select_newest(ids, count, cap);
        count = cap;
    }
    qsort(ids, count, sizeof *ids, compare_newest_first);
    for (size_t i = count; i > 0 && status == FR_OK; i--)
        status = PUT(generate, error, FR_P_I64(user), FR_P_I64(ids[i - 1]),
                     FR_P_I64(people_author_of(ids[i - 1])));
    generate->feed_items += (int64_t)count;
    generate->feeds_cut += cut;
    *ret_horizon = cut ? ids[count - 1] : 0;
    return status;
}

static enum fr_status put_feeds(struct generate *generate, int64_t *horizons, struct fr_error *error)
{
    struct post_index index = {0};
    size_t most = (size_t)(generate->graph_options.follows_max * generate->people.posts_max) + 1, count;
    int64_t *ids = fr_alloc_array(most, sizeof *ids);
    const uint32_t *followed;
    enum fr_status status = FR_OK;
    make_index(generate, &index);
    graph_rewind(generate->graph);
    for (int64_t user = 1;
         status == FR_OK && user <= generate->feeds && graph_next(generate->graph, &followed, &count);
         user++) {
        size_t found = 0;
        for (size_t i = 0; i < count; i++) {
            size_t begin = index.places[followed[i] - 1], end = index.places[followed[i]];
            memcpy(ids + found, index.ids + begin, (end - begin) * sizeof *ids);
            found += end - begin;
        }
        status = put_feed(generate, user, ids, found, &horizons[user - 1], error);
    }
    free(index.places);
    free(index.ids);
    free(ids);
    return status;
}

static enum fr_status put_horizons(struct generate *generate, const int64_t *horizons, struct fr_error *error)
{
    enum fr_status status = FR_OK;
    for (int64_t user = 1; user <= generate->graph_options.users && status == FR_OK; user++)
        if (horizons[user - 1] != 0)
            status = PUT(generate, error, FR_P_I64(user), FR_P_I64(horizons[user - 1]));
    return status;
}

/* ---- the whole ---- */

static enum fr_status begin_table(struct generate *generate, enum fr_sql copy, const char *name,
                                  struct fr_error *error)
{
    progress_rename(&generate->progress, name);
    return fr_session_copy_begin(generate->session, copy, error);
}

static enum fr_status end_table(struct generate *generate, enum fr_status status, struct fr_error *error)
{
    if (status == FR_OK)
        return fr_session_copy_end(generate->session, NULL, error);
    fr_session_copy_abort(generate->session);
    return status;
}

static enum fr_status write_feeds(struct generate *generate, struct fr_error *error)
{
    size_t users = (size_t)generate->graph_options.users;
    int64_t *horizons = fr_alloc_array(users, sizeof *horizons);
    enum fr_status status = FR_OK;
    /* Whoever gets no items has none above this id, which is above all posts. */
    for (size_t i = (size_t)generate->feeds; i < users; i++)
        horizons[i] = fr_snowflake_first_of_ms(generate->people.end_ms);
    if (generate->feeds > 0) {
        status = begin_table(generate, FR_SQL_GENERATE_FEED_ITEMS_COPY, "writing feeds", error);
        if (status == FR_OK)
            status = end_table(generate, put_feeds(generate, horizons, error), error);
    }
    if (status == FR_OK)
        status = begin_table(generate, FR_SQL_GENERATE_HORIZONS_COPY, "writing horizons", error);
    if (status == FR_OK)
        status = end_table(generate, put_horizons(generate, horizons, error), error);
    free(horizons);
    return status;
}

static enum fr_status write_tables(struct generate *generate, struct fr_error *error)
{
    static const struct {
        enum fr_sql copy;
        const char *name;
        enum fr_status (*put)(struct generate *generate, struct fr_error *error);
    } tables[] = {
        {FR_SQL_GENERATE_USERS_COPY, "writing users", put_users},
        {FR_SQL_GENERATE_CELEBRITIES_COPY, "writing celebrities", put_celebrities},
        {FR_SQL_GENERATE_POSTS_COPY, "writing posts", put_posts},
        {FR_SQL_GENERATE_CELEBRITY_POSTS_COPY, "writing celebrities' posts", put_celebrity_posts},
        {FR_SQL_GENERATE_FOLLOWEES_COPY, "writing follows", put_followees},
        {FR_SQL_GENERATE_FOLLOWERS_COPY, "writing followers", put_followers},
    };
    enum fr_status status = FR_OK;
    for (size_t i = 0; i < FR_COUNT_OF(tables) && status == FR_OK; i++) {
        status = begin_table(generate, tables[i].copy, tables[i].name, error);
        if (status == FR_OK)
            status = end_table(generate, tables[i].put(generate, error), error);
    }
    return status == FR_OK ? write_feeds(generate, error) : status;
}

/* Locks out everybody who writes, and refuses tables that are not empty. */
static enum fr_status take_tables(struct generate *generate, struct fr_error *error)
{
    struct fr_result *look;
    enum fr_status status =
        fr_session_query(generate->session, &FR_QUERY_NO_PARAMS(FR_SQL_GENERATE_LOCK), NULL, error);
    if (status == FR_OK)
        status = fr_session_query(generate->session, &FR_QUERY_NO_PARAMS(FR_SQL_GENERATE_LOOK), &look, error);
    if (status != FR_OK)
        return status;
    bool empty = fr_result_bool(look, 0, 0);
    int64_t feed_floor = fr_result_i64(look, 0, 1);
    fr_result_free(look);
    if (!empty)
        return fr_error_set(
            error, FR_CONFLICT, NULL,
            "the database has users already; generate fills an empty one only (createdb, migrate, then "
            "generate)");
    if (generate->feeds > 0 && fr_snowflake_first_of_ms(people_start_ms(&generate->people)) < feed_floor)
        return fr_error_set(
            error, FR_CONFLICT, "--until",
            "--until: there are no feed partitions any more for posts so old; a later day, or "
            "--feeds=none");
    return FR_OK;
}

enum fr_status generate_write(struct generate *generate, struct fr_error *error)
{
    enum fr_status status = fr_session_begin(generate->session, error);
    if (status != FR_OK)
        return status;
    progress_phase(&generate->progress, "waiting for the tables");
    status = take_tables(generate, error);
    if (status == FR_OK) {
        progress_phase(&generate->progress, "writing");
        status = write_tables(generate, error);
    }
    if (status == FR_OK)
        status =
            fr_session_query(generate->session, &FR_QUERY_NO_PARAMS(FR_SQL_PAGE_CHANGES_VOID), NULL, error);
    if (status == FR_OK) {
        progress_phase(&generate->progress, "committing");
        status = fr_session_commit(generate->session, error);
        progress_clear(&generate->progress);
        if (status == FR_TIMEOUT || status == FR_UNAVAILABLE)
            progress_say(&generate->progress,
                         CTL_PROGRAM ": the connection broke during the commit: it may have been "
                                     "made; look with status");
        return status;
    }
    progress_clear(&generate->progress);
    fr_session_rollback(generate->session);
    return status;
}
