/* The verdict on what came, with connections made of tables: no threads, no sockets. */
#include "verify.h"

#include "check.h"
#include "files.h"

enum { SOCKETS = 2, ARRIVALS_MAX = 8, DEAF = 100 /* added to a count */ };

struct fleet {
    struct {
        size_t count;
        uint32_t list[ARRIVALS_MAX];
    } sockets[SOCKETS];
};

const uint32_t *fleet_arrivals(const struct fleet *fleet, size_t socket, size_t *ret_count)
{
    *ret_count = fleet->sockets[socket].count % DEAF;
    return fleet->sockets[socket].list;
}

bool fleet_is_deaf(const struct fleet *fleet, size_t socket)
{
    return fleet->sockets[socket].count >= DEAF;
}

/* Reader 0 follows the authors 0 and 1, reader 1 follows author 1. Posts 0 and 2 are of author 0, 1 of author
 * 1, and 3, of author 1 too, was not accepted. */
struct world {
    struct person people[2];
    struct people readers, authors;
    uint32_t first[3], followed[3];
    struct follows follows;
    struct post list[5];
    struct posts posts;
};

static void make_world(struct world *world)
{
    *world = (struct world){
        .people = {{.id = 10}, {.id = 11}},
        .first = {0, 2, 3},
        .followed = {0, 1, 1},
        .list = {{.accepted_ns = 5, .id = 100, .author = 0},
                 {.accepted_ns = 6, .id = 101, .author = 1},
                 {.accepted_ns = 7, .id = 102, .author = 0},
                 {.accepted_ns = POST_FAILED, .author = 1}},
    };
    world->readers = world->authors = (struct people){.list = world->people, .count = 2};
    world->follows = (struct follows){.authors = 2, .first = world->first, .followed = world->followed};
    world->posts = (struct posts){.list = world->list, .max = FR_COUNT_OF(world->list), .count = 4};
}

#define IN_SNAPSHOT(index) ((index) | ARRIVED_IN_SNAPSHOT)

static void verdicts(void **state)
{
    static const struct {
        const char *comment;
        struct fleet fleet;
        struct verdict verdict;
    } rows[] = {
        {"all came once", {{{3, {0, 1, 2}}, {1, {1}}}}, {0}},
        {"authors among each other have no order", {{{3, {1, 0, 2}}, {1, {1}}}}, {0}},
        {"nothing came", {{{0}, {0}}}, {.lost = 4}},
        {"one is missing", {{{2, {0, 2}}, {1, {1}}}}, {.lost = 1}},
        {"nothing came to a deaf one", {{{DEAF, {0}}, {1, {1}}}}, {0}},
        {"what came to it counts",
         {{{DEAF + 3, {0, 0, 2}}, {DEAF + 2, {1, 0}}}},
         {.doubled = 1, .foreign = 1}},
        {"one came twice", {{{4, {0, 1, 2, 1}}, {1, {1}}}}, {.doubled = 1}},
        {"of somebody not followed", {{{3, {0, 1, 2}}, {2, {1, 0}}}}, {.foreign = 1}},
        {"never sent", {{{3, {0, 1, 2}}, {2, {1, 4}}}}, {.foreign = 1}},
        {"the younger one first", {{{3, {2, 0, 1}}, {1, {1}}}}, {.reordered = 1}},
        {"not accepted, and came", {{{3, {0, 1, 2}}, {2, {1, 3}}}}, {0}},
        {"a snapshot repeats, and fills up",
         {{{4, {0, IN_SNAPSHOT(0), IN_SNAPSHOT(1), 2}}, {1, {IN_SNAPSHOT(1)}}}},
         {0}},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct world world;
        struct verdict verdict;
        make_world(&world);
        verify(&row->fleet, &world.posts, &world.readers, &world.authors, &world.follows, SOCKETS, NULL,
               &verdict);
        FR_ASSERT_ROW(row, verdict.lost == row->verdict.lost);
        FR_ASSERT_ROW(row, verdict.doubled == row->verdict.doubled);
        FR_ASSERT_ROW(row, verdict.foreign == row->verdict.foreign);
        FR_ASSERT_ROW(row, verdict.reordered == row->verdict.reordered);
        FR_ASSERT_ROW(row, verdict_is_good(&verdict) == (row->verdict.lost + row->verdict.doubled +
                                                             row->verdict.foreign + row->verdict.reordered ==
                                                         0));
    }
}

static void what_came_is_written_once_and_in_order(void **state)
{
    static const struct fleet fleet = {{{4, {2, 0, IN_SNAPSHOT(0), 1}}, {0}}};
    struct world world;
    char path[32], text[100] = "";
    make_world(&world);
    make_file(path, "");
    assert_int_equal(verify_write_received(path, &fleet, &world.readers, SOCKETS, NULL), FR_OK);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_true(fread(text, 1, sizeof text - 1, in) > 0);
    fclose(in);
    unlink(path);
    assert_string_equal(text, "10\t0 1 2\n11\t\n");
    assert_int_equal(verify_write_received("/nonexistent/file", &fleet, &world.readers, SOCKETS, NULL),
                     FR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(what_came_is_written_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
