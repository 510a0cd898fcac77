/* A graph played by the test: what is asked of it waits until the test answers, from the edges and presences
 * that the test has set up by then. Include it once, in the test's own file: it stands in for the real
 * functions. */
#ifndef FR_TESTS_PLAYED_GRAPH_H
#define FR_TESTS_PLAYED_GRAPH_H

#include <stdlib.h>

#include "check.h"
#include "graph/graph.h"
#include "timeline/timeline.h"

enum { GRAPH_ASKS_MAX = 256, GRAPH_EDGES_MAX = 64, GRAPH_POSTS_MAX = 128 };

enum graph_kind { GRAPH_ANNOUNCE, GRAPH_FOLLOWED, GRAPH_FOLLOWERS, GRAPH_PAGE };

struct graph_ask {
    enum graph_kind kind;
    int64_t author_id; /* GRAPH_FOLLOWERS */
    int64_t *ids;
    size_t count;
    fr_graph_online_fn online;
    fr_graph_pairs_fn pairs;
    fr_timeline_posts_fn posts;
    int limit; /* GRAPH_PAGE */
    void *arg;
};

static struct {
    struct graph_ask asks[GRAPH_ASKS_MAX];
    size_t asked, answered;
    enum fr_status status; /* of the answers */
    struct fr_graph_pair edges[GRAPH_EDGES_MAX];
    size_t edge_count;
    int64_t since_ms, confirmed_ms;       /* of all presences */
    int64_t lasts_ms;                     /* as asked for last */
    struct fr_post page[GRAPH_POSTS_MAX]; /* everybody's, newest first */
    size_t page_count;
} graph;

static inline void graph_reset(void)
{
    for (size_t i = 0; i < graph.asked; i++)
        free(graph.asks[i].ids);
    memset(&graph, 0, sizeof graph);
    graph.since_ms = graph.confirmed_ms = 1;
}

static inline void graph_follow(int64_t follower_id, int64_t followed_id)
{
    assert_true(graph.edge_count < GRAPH_EDGES_MAX);
    graph.edges[graph.edge_count++] = (struct fr_graph_pair){follower_id, followed_id};
}

static inline void graph_unfollow(int64_t follower_id, int64_t followed_id)
{
    for (size_t i = 0; i < graph.edge_count; i++)
        if (graph.edges[i].follower_id == follower_id && graph.edges[i].followed_id == followed_id)
            graph.edges[i--] = graph.edges[--graph.edge_count];
}

static struct graph_ask *graph_note(enum graph_kind kind, const int64_t *ids, size_t count, void *arg)
{
    assert_true(graph.asked < GRAPH_ASKS_MAX && count > 0);
    struct graph_ask *ask = &graph.asks[graph.asked++];
    *ask = (struct graph_ask){.kind = kind, .count = count, .arg = arg};
    ask->ids = fr_alloc_array(count, sizeof *ids);
    memcpy(ask->ids, ids, count * sizeof *ids);
    for (size_t i = 1; i < count; i++)
        assert_true(ids[i - 1] < ids[i]);
    return ask;
}

void fr_graph_announce(struct fr_store *store, const int64_t *user_ids, size_t count, int64_t lasts_ms,
                       fr_graph_online_fn done, void *arg)
{
    graph_note(GRAPH_ANNOUNCE, user_ids, count, arg)->online = done;
    graph.lasts_ms = lasts_ms;
}

void fr_graph_followed_celebrities(struct fr_store *store, const int64_t *user_ids, size_t count,
                                   fr_graph_pairs_fn done, void *arg)
{
    graph_note(GRAPH_FOLLOWED, user_ids, count, arg)->pairs = done;
}

void fr_graph_followers_among(struct fr_store *store, int64_t author_id, const int64_t *user_ids,
                              size_t count, fr_graph_pairs_fn done, void *arg)
{
    struct graph_ask *ask = graph_note(GRAPH_FOLLOWERS, user_ids, count, arg);
    ask->author_id = author_id;
    ask->pairs = done;
}

void fr_timeline_page(struct fr_store *store, const struct fr_page_request *request,
                      fr_timeline_posts_fn done, void *arg)
{
    struct graph_ask *ask = graph_note(GRAPH_PAGE, &request->user_id, 1, arg);
    ask->posts = done;
    ask->limit = request->limit;
}

/* Newer than all that are on the page. */
static inline void graph_post(int64_t post_id, int64_t author_id, int32_t revision)
{
    assert_true(graph.page_count < GRAPH_POSTS_MAX);
    memmove(graph.page + 1, graph.page, graph.page_count++ * sizeof graph.page[0]);
    graph.page[0] =
        (struct fr_post){.id = post_id, .author_id = author_id, .text = FR_STR("text"), .revision = revision};
}

static bool graph_asks_for(const struct graph_ask *ask, const struct fr_graph_pair *edge)
{
    if (ask->kind == GRAPH_FOLLOWERS && edge->followed_id != ask->author_id)
        return false;
    for (size_t i = 0; i < ask->count; i++)
        if (ask->ids[i] == edge->follower_id)
            return true;
    return false;
}

static void graph_answer_pairs(const struct graph_ask *ask)
{
    struct fr_graph_pair pairs[GRAPH_EDGES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < graph.edge_count; i++)
        if (graph_asks_for(ask, &graph.edges[i]))
            pairs[count++] = graph.edges[i];
    ask->pairs(ask->arg, FR_OK, pairs, count, NULL);
}

static void graph_answer_online(const struct graph_ask *ask)
{
    struct fr_graph_online *rows = fr_alloc_array(ask->count, sizeof *rows);
    for (size_t i = 0; i < ask->count; i++)
        rows[i] = (struct fr_graph_online){ask->ids[i], graph.since_ms, graph.confirmed_ms};
    ask->online(ask->arg, FR_OK, rows, ask->count, NULL);
    free(rows);
}

/* Answers the oldest question. False if there is none. */
static inline bool graph_answer(void)
{
    if (graph.answered == graph.asked)
        return false;
    const struct graph_ask *ask = &graph.asks[graph.answered++];
    struct fr_error error;
    size_t limit = ask->kind == GRAPH_PAGE ? (size_t)ask->limit : 0;
    if (graph.status != FR_OK && ask->kind == GRAPH_PAGE)
        ask->posts(ask->arg, fr_error_set(&error, graph.status, NULL, "as the test wants"), NULL, 0, &error);
    else if (ask->kind == GRAPH_PAGE)
        ask->posts(ask->arg, FR_OK, graph.page, graph.page_count < limit ? graph.page_count : limit, NULL);
    else if (graph.status != FR_OK && ask->kind == GRAPH_ANNOUNCE)
        ask->online(ask->arg, fr_error_set(&error, graph.status, NULL, "as the test wants"), NULL, 0, &error);
    else if (graph.status != FR_OK)
        ask->pairs(ask->arg, fr_error_set(&error, graph.status, NULL, "as the test wants"), NULL, 0, &error);
    else if (ask->kind == GRAPH_ANNOUNCE)
        graph_answer_online(ask);
    else
        graph_answer_pairs(ask);
    return true;
}

static inline size_t graph_open(enum graph_kind kind)
{
    size_t count = 0;
    for (size_t i = graph.answered; i < graph.asked; i++)
        count += graph.asks[i].kind == kind;
    return count;
}

#endif
