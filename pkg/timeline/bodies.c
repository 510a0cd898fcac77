#include "timeline/bodies.h"

#include <assert.h>
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

enum form { AS_JSON, AS_PROTOBUF, FORMS };

struct recent { /* of a shard: most recently used first; the head is the same struct */
    struct recent *next, *prev;
};

struct fr_body {
    struct id_link link;
    struct recent recent;
    atomic_uint references;
    struct fr_post post;
    uint32_t written[FORMS]; /* lengths; 0: not written in that form */
    uint32_t size;           /* of `bytes` */
    char bytes[]; /* what is written, form by form; behind it the text, if it stands in none of them */
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
    return sizeof *body + body->size + OVERHEAD;
}

static enum form form_of(enum fr_encoding encoding)
{
    assert(encoding == FR_ENCODING_JSON || encoding == FR_ENCODING_PROTOBUF);
    return encoding == FR_ENCODING_JSON ? AS_JSON : AS_PROTOBUF;
}

static struct fr_str written_in(const struct fr_body *body, enum form form)
{
    return (struct fr_str){body->bytes + (form == AS_PROTOBUF ? body->written[AS_JSON] : 0),
                           body->written[form]};
}

/* Where the text stands in what is written, if it does: in protobuf as it is, and in JSON too, unless
 * something in it has to be escaped. Else the place behind all that. */
static size_t place_of_text(struct fr_str text, const struct fr_str written[FORMS])
{
    size_t at = 0;
    for (int form = 0; form < FORMS; form++) {
        const char *found = text.len > 0 && text.len <= written[form].len
                                ? memmem(written[form].data, written[form].len, text.data, text.len)
                                : NULL;
        if (found != NULL)
            return at + (size_t)(found - written[form].data);
        at += written[form].len;
    }
    return at;
}

static struct fr_body *body_new(const struct fr_post *post, const struct fr_str written[FORMS])
{
    size_t forms = written[AS_JSON].len + written[AS_PROTOBUF].len;
    size_t text_at = place_of_text(post->text, written);
    size_t size = forms + (text_at == forms ? post->text.len : 0);
    struct fr_body *body = fr_alloc(sizeof *body + size);
    atomic_init(&body->references, 1);
    body->link.id = post->id;
    body->post = *post;
    body->post.text.data = body->bytes + text_at;
    body->size = (uint32_t)size;
    for (size_t form = 0, at = 0; form < FORMS; at += written[form++].len) {
        body->written[form] = (uint32_t)written[form].len;
        if (written[form].len > 0)
            memcpy(body->bytes + at, written[form].data, written[form].len);
    }
    if (size > forms)
        memcpy(body->bytes + forms, post->text.data, post->text.len);
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

struct fr_str fr_body_written(const struct fr_body *body, enum fr_encoding encoding)
{
    return written_in(body, form_of(encoding));
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
    struct fr_body *body = body_new(post, (const struct fr_str[FORMS]){FR_STR_NONE, FR_STR_NONE});
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

/* ---- what is written of a body ---- */

/* `body` with one form more; NULL if it would be too long. */
static struct fr_body *body_with(const struct fr_bodies *bodies, const struct fr_body *body, enum form form,
                                 struct fr_str bytes)
{
    struct fr_str written[FORMS] = {written_in(body, AS_JSON), written_in(body, AS_PROTOBUF)};
    written[form] = bytes;
    struct fr_body *whole = body_new(&body->post, written);
    if (size_of(whole) <= bodies->shard_bytes_max)
        return whole;
    fr_body_release(whole);
    return NULL;
}

/* Puts `whole` in the place of `body`, unless another thread did so before, or the body has left the cache:
 * what came there then is as new or newer, and `whole` is good for this once. */
static void replace(struct fr_bodies *bodies, struct fr_body *body, struct fr_body *whole)
{
    struct shard *shard = enter(bodies, body->post.id);
    if (find(shard, body->post.id) == body) {
        take_out(shard, body); /* the caller holds it too */
        atomic_fetch_add_explicit(&whole->references, 1, memory_order_relaxed);
        put_in(bodies, shard, whole);
    }
    pthread_mutex_unlock(&shard->lock);
}

struct fr_body *fr_bodies_write(struct fr_bodies *bodies, struct fr_body *body, enum fr_encoding encoding)
{
    enum form form = form_of(encoding);
    struct fr_buf out;
    const struct fr_wire_post post = {
        .id = body->post.id,
        .author_id = body->post.author_id,
        .text = body->post.text,
        .created_at_ms = body->post.created_at_ms,
        .edited_at_ms = body->post.edited_at_ms,
    };
    if (body->written[form] > 0)
        return body;
    fr_buf_init(&out, FR_WIRE_POST_MAX);
    fr_wire_write_post(&out, encoding, &post);
    struct fr_body *whole =
        fr_buf_status(&out) == FR_OK ? body_with(bodies, body, form, fr_buf_str(&out)) : NULL;
    fr_buf_release(&out);
    if (whole == NULL)
        return body;
    replace(bodies, body, whole);
    fr_body_release(body);
    return whole;
}
