#include "generated_graph.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "sampler.h"

enum {
    LOOK_EVERY = 1024, /* users */
    /* Draws for one user, in multiples of the number of people; whoever is still missing then is filled up
     * with the likeliest that are left. Reached only by users who follow nearly everybody. */
    DRAWS_PER_PERSON = 16,
    ROOM_PERCENT = 98 /* how full ordinary people may be on the average */
};

struct graph {
    struct graph_options options;
    size_t users, celebrities; /* celebrities: those that were ordered, the first of `ranks` */
    uint32_t cap;              /* followers of everybody else */
    uint32_t *ranks;           /* users from 0, the most popular first */
    uint32_t *weights;         /* by user */
    uint32_t *wanted;          /* how many a user follows */
    uint32_t *followers;       /* of each user, once the graph was walked */
    uint32_t *targets;         /* followers of each ordered celebrity */
    int64_t edges;
    bool counted;
    /* the walk */
    size_t next;
    uint32_t *so_far; /* followers of each user */
    uint32_t *marks;  /* the last user, from 1, who took this one */
    uint32_t *chosen;
    uint32_t *open;  /* room for a list of users */
    uint32_t *owing; /* followers that each ordered celebrity has still to get */
    struct sampler sampler;
    bool stuck;
};

/* ---- before the walk ---- */

/* A weight is rounded to 2^-32 of the first one's, so that the last bits of pow() don't matter. */
static uint32_t weight_of_rank(size_t rank, double exponent)
{
    if (exponent == 0)
        return 1;
    double weight = pow((double)(rank + 1), -exponent) * SAMPLER_WEIGHT_MAX;
    return weight < 1 ? 1 : (uint32_t)weight;
}

static void draw_ranks(struct graph *graph)
{
    struct fr_random random = fr_random_stream(graph->options.seed, GENERATED_RANK, 0);
    for (size_t i = 0; i < graph->users; i++)
        graph->ranks[i] = (uint32_t)i;
    for (size_t i = graph->users; i > 1; i--) {
        size_t other = fr_random_below(&random, i);
        uint32_t user = graph->ranks[i - 1];
        graph->ranks[i - 1] = graph->ranks[other];
        graph->ranks[other] = user;
    }
    for (size_t i = 0; i < graph->users; i++)
        graph->weights[graph->ranks[i]] = weight_of_rank(i, graph->options.zipf);
}

static void draw_wanted(struct graph *graph)
{
    const struct graph_options *options = &graph->options;
    for (size_t i = 0; i < graph->users; i++) {
        struct fr_random random = fr_random_stream(options->seed, GENERATED_FOLLOW_COUNT, i + 1);
        graph->wanted[i] = (uint32_t)fr_random_within(&random, options->follows_min, options->follows_max);
        graph->edges += graph->wanted[i];
    }
}

/* Moves all targets towards `end` so that their sum, now `sum`, becomes `wanted` or a little more (`up`) or
 * less. */
static int64_t bend_targets(struct graph *graph, int64_t sum, int64_t wanted, int64_t end, bool up)
{
    int64_t whole = up ? end * (int64_t)graph->celebrities - sum : sum - end * (int64_t)graph->celebrities;
    int64_t part = up ? wanted - sum : sum - wanted, bent = 0;
    if (whole <= 0)
        return sum;
    part = part < whole ? part : whole;
    for (size_t j = 0; j < graph->celebrities; j++) {
        int64_t target = graph->targets[j], way = up ? end - target : target - end;
        int64_t step = (way * part + whole - 1) / whole;
        target = up ? target + step : target - step;
        graph->targets[j] = (uint32_t)target;
        bent += target;
    }
    return bent;
}

static int64_t first_targets(struct graph *graph, int64_t least)
{
    int64_t others = (int64_t)graph->users - 1, sum = 0;
    uint64_t weights = 0;
    for (size_t i = 0; i < graph->users; i++)
        weights += graph->weights[i];
    for (size_t j = 0; j < graph->celebrities; j++) {
        int64_t target = (int64_t)(graph->users / (2 * (j + 1)));
        if (graph->options.zipf > 0 && weights > 0) /* nobody weighs nothing, which analysers can't know */
            target = (int64_t)((unsigned __int128)graph->edges * graph->weights[graph->ranks[j]] / weights);
        target = target < least ? least : target > others ? others : target;
        graph->targets[j] = (uint32_t)target;
        sum += target;
    }
    return sum;
}

static enum fr_status set_targets(struct graph *graph, struct fr_error *error)
{
    const struct graph_options *options = &graph->options;
    int64_t others = (int64_t)graph->users - 1, celebrities = (int64_t)graph->celebrities;
    int64_t ordinary = (int64_t)graph->users - celebrities, least = options->threshold + 1, room, most = 0;
    if (celebrities > 0 && others < least)
        return fr_error_set(
            error, FR_INVALID, "--celebrities",
            "--celebrities: among %lld people nobody can have more than %lld followers; more --users or "
            "a lower --celebrity-threshold",
            (long long)graph->users, (long long)options->threshold);
    for (size_t i = 0; i < graph->users; i++)
        most += graph->wanted[i] < celebrities ? graph->wanted[i] : celebrities;
    if (celebrities * least > most)
        return fr_error_set(
            error, FR_INVALID, "--celebrities",
            "--celebrities: %lld people with more than %lld followers want at least %lld follows, and "
            "there are %lld that could go to them; more --follows or fewer celebrities",
            (long long)celebrities, (long long)options->threshold, (long long)(celebrities * least),
            (long long)most);
    int64_t fifth_more = least + options->threshold / 5;
    int64_t sum = first_targets(graph, fifth_more < others ? fifth_more : others);
    if (sum > most)
        sum = bend_targets(graph, sum, most, least, false);
    room = ordinary * (int64_t)graph->cap * ROOM_PERCENT / 100;
    if (graph->edges - sum > room && graph->edges - room <= most)
        sum = bend_targets(graph, sum, graph->edges - room, others, true);
    if (graph->edges - sum > room)
        return fr_error_set(
            error, FR_INVALID, "--celebrities",
            "--celebrities: %lld follows don't fit when only %lld people may have more than %lld "
            "followers; more celebrities, fewer --follows or a higher --celebrity-threshold",
            (long long)graph->edges, (long long)celebrities, (long long)options->threshold);
    return FR_OK;
}

/* ---- the walk ---- */

static void fill_sampler(struct graph *graph)
{
    size_t count = 0;
    for (size_t i = graph->celebrities; i < graph->users; i++)
        if (graph->so_far[graph->ranks[i]] < graph->cap)
            graph->open[count++] = graph->ranks[i];
    if (count > 0)
        sampler_fill(&graph->sampler, graph->open, count);
}

void graph_rewind(struct graph *graph)
{
    graph->next = 0;
    graph->stuck = false;
    memset(graph->so_far, 0, graph->users * sizeof *graph->so_far);
    memset(graph->marks, 0, graph->users * sizeof *graph->marks);
    memcpy(graph->owing, graph->targets, graph->celebrities * sizeof *graph->owing);
    fill_sampler(graph);
}

static void take(struct graph *graph, uint32_t author, size_t *count)
{
    graph->marks[author] = (uint32_t)graph->next + 1;
    graph->so_far[author]++;
    graph->chosen[(*count)++] = author + 1;
}

/* Selection sampling (Knuth, TAOCP 3.4.2, algorithm S) along the users, for each celebrity: exactly the
 * target, each set of followers equally likely. Whoever has no room left for a celebrity leaves the place to
 * a later user. */
static void follow_celebrities(struct graph *graph, struct fr_random *random, size_t wanted, size_t *count)
{
    size_t user = graph->next, left = graph->users - user, celebrities = graph->celebrities;
    size_t start = celebrities > 0 ? fr_random_below(random, celebrities) : 0;
    for (size_t i = 0; i < celebrities && *count < wanted; i++) {
        size_t j = start + i < celebrities ? start + i : start + i - celebrities;
        uint32_t author = graph->ranks[j];
        size_t candidates = left - (author >= user ? 1 : 0);
        if (author == user || graph->owing[j] == 0 || fr_random_below(random, candidates) >= graph->owing[j])
            continue;
        graph->owing[j]--;
        take(graph, author, count);
    }
}

static void follow_others(struct graph *graph, struct fr_random *random, size_t wanted, size_t *count)
{
    uint32_t mark = (uint32_t)graph->next + 1;
    size_t draws = graph->sampler.count * DRAWS_PER_PERSON;
    while (*count < wanted && draws-- > 0) {
        uint32_t author = sampler_draw(&graph->sampler, random);
        if (graph->marks[author] == mark || graph->so_far[author] >= graph->cap)
            continue;
        take(graph, author, count);
        if (graph->so_far[author] == graph->cap && sampler_note_full(&graph->sampler, author))
            fill_sampler(graph);
    }
    for (size_t i = graph->celebrities; i < graph->users && *count < wanted; i++) {
        uint32_t author = graph->ranks[i];
        if (graph->marks[author] == mark || graph->so_far[author] >= graph->cap)
            continue;
        take(graph, author, count);
        if (graph->so_far[author] == graph->cap && sampler_note_full(&graph->sampler, author))
            fill_sampler(graph);
    }
}

bool graph_next(struct graph *graph, const uint32_t **ret_followed, size_t *ret_count)
{
    size_t user = graph->next, count = 0;
    if (user == graph->users)
        return false;
    struct fr_random random = fr_random_stream(graph->options.seed, GENERATED_FOLLOWED, user + 1);
    graph->marks[user] = (uint32_t)user + 1;
    follow_celebrities(graph, &random, graph->wanted[user], &count);
    follow_others(graph, &random, graph->wanted[user], &count);
    graph->stuck = graph->stuck || count < graph->wanted[user];
    graph->next++;
    *ret_followed = graph->chosen;
    *ret_count = count;
    return true;
}

/* ---- the whole ---- */

static enum fr_status count_followers(struct graph *graph, bool (*keep_on)(void *arg), void *arg,
                                      struct fr_error *error)
{
    const uint32_t *followed;
    size_t count;
    graph_rewind(graph);
    while (graph_next(graph, &followed, &count)) {
        if (graph->next % LOOK_EVERY == 0 && !keep_on(arg))
            return fr_error_set(error, FR_CANCELLED, NULL, "interrupted");
        if (graph->stuck)
            return fr_error_set(
                error, FR_INVALID, "--follows",
                "--follows: user %zu finds no more people to follow, because only %zu may have more than "
                "%lld followers; fewer --follows, more --celebrities or a higher --celebrity-threshold",
                graph->next, graph->celebrities, (long long)graph->options.threshold);
    }
    memcpy(graph->followers, graph->so_far, graph->users * sizeof *graph->followers);
    graph->counted = true;
    for (size_t j = 0; j < graph->celebrities; j++)
        if (graph->followers[graph->ranks[j]] <= graph->options.threshold)
            return fr_error_set(
                error, FR_INVALID, "--celebrities",
                "--celebrities: %lld is too many: people follow too few others for each to have more "
                "than %lld followers",
                (long long)graph->celebrities, (long long)graph->options.threshold);
    return FR_OK;
}

enum fr_status graph_new(const struct graph_options *options, bool (*keep_on)(void *arg), void *arg,
                         struct graph **ret, struct fr_error *error)
{
    assert(options->users >= 2 && options->users <= GENERATED_USERS_MAX &&
           options->follows_max < options->users);
    struct graph *graph = FR_NEW(struct graph);
    size_t users = (size_t)options->users;
    bool ordered = options->celebrities >= 0;
    graph->options = *options;
    graph->users = users;
    graph->celebrities = ordered ? (size_t)options->celebrities : 0;
    graph->cap =
        ordered && options->threshold < options->users ? (uint32_t)options->threshold : (uint32_t)users;
    graph->ranks = fr_alloc_array(users, sizeof(uint32_t));
    graph->weights = fr_alloc_array(users, sizeof(uint32_t));
    graph->wanted = fr_alloc_array(users, sizeof(uint32_t));
    graph->followers = fr_alloc_array(users, sizeof(uint32_t));
    graph->so_far = fr_alloc_array(users, sizeof(uint32_t));
    graph->marks = fr_alloc_array(users, sizeof(uint32_t));
    graph->open = fr_alloc_array(users, sizeof(uint32_t));
    graph->chosen = fr_alloc_array((size_t)options->follows_max + 1, sizeof(uint32_t));
    graph->targets = fr_alloc_array(graph->celebrities + 1, sizeof(uint32_t));
    graph->owing = fr_alloc_array(graph->celebrities + 1, sizeof(uint32_t));
    sampler_init(&graph->sampler, graph->weights, users);
    draw_ranks(graph);
    draw_wanted(graph);
    enum fr_status status = ordered ? set_targets(graph, error) : FR_OK;
    if (status == FR_OK)
        status = count_followers(graph, keep_on, arg, error);
    if (status != FR_OK) {
        graph_free(graph);
        return status;
    }
    *ret = graph;
    return FR_OK;
}

void graph_free(struct graph *graph)
{
    if (graph == NULL)
        return;
    sampler_release(&graph->sampler);
    free(graph->ranks);
    free(graph->weights);
    free(graph->wanted);
    free(graph->followers);
    free(graph->so_far);
    free(graph->marks);
    free(graph->open);
    free(graph->chosen);
    free(graph->targets);
    free(graph->owing);
    free(graph);
}

int64_t graph_edges(const struct graph *graph)
{
    return graph->edges;
}

int64_t graph_follower_count(const struct graph *graph, int64_t user)
{
    assert(graph->counted && user >= 1 && user <= (int64_t)graph->users);
    return graph->followers[user - 1];
}

bool graph_is_celebrity(const struct graph *graph, int64_t user)
{
    return graph_follower_count(graph, user) > graph->options.threshold;
}

int64_t graph_celebrity_count(const struct graph *graph)
{
    int64_t count = 0;
    for (int64_t user = 1; user <= (int64_t)graph->users; user++)
        count += graph_is_celebrity(graph, user);
    return count;
}

void graph_celebrity_range(const struct graph *graph, int64_t *ret_least, int64_t *ret_most)
{
    int64_t least = 0, most = 0;
    for (int64_t user = 1; user <= (int64_t)graph->users; user++) {
        int64_t count = graph_follower_count(graph, user);
        if (!graph_is_celebrity(graph, user))
            continue;
        least = least == 0 || count < least ? count : least;
        most = count > most ? count : most;
    }
    *ret_least = least;
    *ret_most = most;
}
