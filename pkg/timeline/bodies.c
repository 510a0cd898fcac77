#include "timeline/bodies.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "id_index.h"
#include "metrics/metrics.h"

enum {
    SHARDS_MAX = 16,
    SHARD_BYTES_MIN = 64 * 1024, /* a few of the longest posts */
    OVERHEAD = 32,               /* of an allocation, and of its place in the index */
    DELETED = INT32_MAX,         /* the revision of a mark */
};

struct recent { /* of a shard: most recently used first; the head is the same struct */
    struct recent *next, *prev;
};

struct fr_body {
    struct id_link link;
    struct recent recent;
    atomic_uint references;
    struct fr_post post;
    char text[];
};

struct shard {
    pthread_mutex_t lock;
    struct id_index index;
    struct recent recent;
    size_t bytes;
};

struct fr_bodies {
    size_t shard_count; /* a power of two; 0: nothing is kept */
    size_t shard_bytes_max;
    struct shard shards[SHARDS_MAX];
};

/* ---- one body ---- */

static size_t size_of(const struct fr_body *body)
{
    return sizeof *body + body->post.text.len + OVERHEAD;
}

static struct fr_body *body_new(const struct fr_post *post)
{
    struct fr_body *body = fr_alloc(sizeof *body + post->text.len);
    atomic_init(&body->references, 1);
    body->link.id = post->id;
    body->post = *post;
    body->post.text.data = body->text;
    if (post->text.len > 0)
        memcpy(body->text, post->text.data, post->text.len);
    return body;
}

void fr_body_release(struct fr_body *body)
{
    if (body != NULL && atomic_fetch_sub_explicit(&body->references, 1, memory_order_acq_rel) == 1)
        free(body);
}

const struct fr_post *fr_body_post(const struct fr_body *body)
{
    return &body->post;
}

/* ---- a shard; with its lock held ---- */

static struct fr_body *find(const struct shard *shard, int64_t post_id)
{
    struct id_link *link = fr_timeline_index_find(&shard->index, post_id);
    return link != NULL ? FR_CONTAINER_OF(link, struct fr_body, link) : NULL;
}

static void unlink_recent(struct fr_body *body)
{
    body->recent.next->prev = body->recent.prev;
    body->recent.prev->next = body->recent.next;
}

static void link_recent(struct shard *shard, struct fr_body *body)
{
    body->recent = (struct recent){.next = shard->recent.next, .prev = &shard->recent};
    shard->recent.next->prev = &body->recent;
    shard->recent.next = &body->recent;
}

static void take_out(struct shard *shard, struct fr_body *body)
{
    fr_timeline_index_remove(&shard->index, &body->link);
    unlink_recent(body);
    shard->bytes -= size_of(body);
    fr_metric_add(FR_METRIC_BODY_BYTES, -(int64_t)size_of(body));
    fr_body_release(body);
}

static void make_room(struct fr_bodies *bodies, struct shard *shard, size_t bytes)
{
    while (shard->bytes + bytes > bodies->shard_bytes_max && shard->recent.prev != &shard->recent) {
        take_out(shard, FR_CONTAINER_OF(shard->recent.prev, struct fr_body, recent));
        fr_metric_add(FR_METRIC_BODY_EVICTIONS, 1);
    }
}

/* Owns `body`. */
static void put_in(struct fr_bodies *bodies, struct shard *shard, struct fr_body *body)
{
    make_room(bodies, shard, size_of(body));
    fr_timeline_index_add(&shard->index, &body->link);
    link_recent(shard, body);
    shard->bytes += size_of(body);
    fr_metric_add(FR_METRIC_BODY_BYTES, (int64_t)size_of(body));
}

/* ---- all ---- */

struct fr_bodies *fr_bodies_new(size_t bytes_max)
{
    struct fr_bodies *bodies = FR_NEW(struct fr_bodies);
    bodies->shard_count = bytes_max > 0 ? 1 : 0;
    while (bodies->shard_count > 0 && bodies->shard_count < SHARDS_MAX &&
           bytes_max / (2 * bodies->shard_count) >= SHARD_BYTES_MIN)
        bodies->shard_count *= 2;
    bodies->shard_bytes_max = bodies->shard_count > 0 ? bytes_max / bodies->shard_count : 0;
    for (size_t i = 0; i < bodies->shard_count; i++) {
        struct shard *shard = &bodies->shards[i];
        pthread_mutex_init(&shard->lock, NULL);
        shard->recent.next = shard->recent.prev = &shard->recent;
    }
    return bodies;
}

void fr_bodies_free(struct fr_bodies *bodies)
{
    if (bodies == NULL)
        return;
    for (size_t i = 0; i < bodies->shard_count; i++) {
        struct shard *shard = &bodies->shards[i];
        while (shard->recent.next != &shard->recent)
            take_out(shard, FR_CONTAINER_OF(shard->recent.next, struct fr_body, recent));
        fr_timeline_index_release(&shard->index);
        pthread_mutex_destroy(&shard->lock);
    }
    free(bodies);
}

/* Its lock is held. */
static struct shard *enter(struct fr_bodies *bodies, int64_t post_id)
{
    size_t hash = (size_t)((uint64_t)post_id * UINT64_C(0x9e3779b97f4a7c15) >> 58);
    struct shard *shard = &bodies->shards[hash & (bodies->shard_count - 1)];
    pthread_mutex_lock(&shard->lock);
    return shard;
}

void fr_bodies_put(struct fr_bodies *bodies, const struct fr_post *post)
{
    if (bodies->shard_count == 0 ||
        sizeof(struct fr_body) + post->text.len + OVERHEAD > bodies->shard_bytes_max)
        return;
    struct fr_body *body = body_new(post);
    struct shard *shard = enter(bodies, post->id);
    struct fr_body *former = find(shard, post->id);
    bool newer = former == NULL || former->post.revision < post->revision;
    if (newer) {
        if (former != NULL)
            take_out(shard, former);
        put_in(bodies, shard, body);
    }
    pthread_mutex_unlock(&shard->lock);
    if (!newer)
        fr_body_release(body);
}

void fr_bodies_bury(struct fr_bodies *bodies, int64_t post_id)
{
    const struct fr_post mark = {.id = post_id, .revision = DELETED};
    fr_bodies_put(bodies, &mark);
}

struct fr_body *fr_bodies_find(struct fr_bodies *bodies, int64_t post_id, int32_t revision)
{
    if (bodies->shard_count == 0)
        return NULL;
    struct shard *shard = enter(bodies, post_id);
    struct fr_body *body = find(shard, post_id);
    if (body != NULL &&
        (body->post.revision == DELETED || (revision != 0 && body->post.revision != revision)))
        body = NULL;
    if (body != NULL) {
        unlink_recent(body);
        link_recent(shard, body);
        atomic_fetch_add_explicit(&body->references, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&shard->lock);
    return body;
}
