#include "auth/revocations.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHARDS = 1024, /* so many that one is gone through, or grown, in a fraction of a millisecond */
    BUCKETS_MIN = 4,
    EXPIRE_STEP = 1000, /* revocations looked at before others have their turn, and the rest of a shard */
    FILTER_BITS = 1 << 24,
    FILTER_WORDS = FILTER_BITS / 64,
};

struct entry {
    struct entry *next; /* in its bucket */
    struct fr_revocation revocation;
};

/* A hash table with chains. */
struct shard {
    pthread_rwlock_t lock;
    struct entry **buckets;
    size_t bucket_count; /* a power of two, or 0 */
    size_t count;
};

struct fr_revocations {
    struct shard shards[SHARDS];
    size_t max;
    atomic_size_t tokens, users;
    atomic_bool complete, overflowed;
    size_t next_to_expire;    /* of the shards */
    _Atomic uint64_t *filter; /* FILTER_BITS; pages of it exist once they are written */
};

/* ---- names ---- */

enum fr_status fr_token_key_parse(struct fr_str id, struct fr_token_key *ret)
{
    unsigned char bytes[sizeof ret->words];
    size_t len = 0;
    if (id.len != FR_TOKEN_ID_SIZE - 1 ||
        sodium_hex2bin(bytes, sizeof bytes, id.data, id.len, NULL, &len, NULL) != 0 || len != sizeof bytes)
        return FR_INVALID;
    memcpy(ret->words, bytes, sizeof bytes);
    return FR_OK;
}

enum fr_status fr_revocation_parse(struct fr_str name, struct fr_revocation *ret)
{
    static const struct fr_str prefix = FR_STR("user:");
    struct fr_token_key token = {{0}};
    int64_t user_id = 0;
    enum fr_status status;
    if (fr_str_starts_with(name, prefix))
        status = fr_id_parse((struct fr_str){name.data + prefix.len, name.len - prefix.len}, &user_id);
    else
        status = fr_token_key_parse(name, &token);
    if (status != FR_OK)
        return status;
    ret->user_id = user_id;
    ret->token = token;
    return FR_OK;
}

bool fr_revocation_covers(const struct fr_revocation *revocation, int64_t user_id,
                          const struct fr_token_key *token, int64_t issued_ms)
{
    if (revocation->user_id != 0)
        return revocation->user_id == user_id && issued_ms <= revocation->revoked_ms;
    return fr_token_key_equal(&revocation->token, token);
}

/* ---- the table ---- */

/* The finalizer of splitmix64. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t hash_of(const struct fr_revocation *key)
{
    return mix(key->user_id != 0 ? (uint64_t)key->user_id : key->token.words[0]);
}

static struct shard *shard_of(struct fr_revocations *set, uint64_t hash)
{
    return &set->shards[hash % SHARDS];
}

static struct entry **bucket_of(const struct shard *shard, uint64_t hash)
{
    return &shard->buckets[(hash / SHARDS) & (shard->bucket_count - 1)];
}

static bool same_thing(const struct fr_revocation *a, const struct fr_revocation *b)
{
    return a->user_id == b->user_id && fr_token_key_equal(&a->token, &b->token);
}

static struct entry *find(const struct shard *shard, const struct fr_revocation *key, uint64_t hash)
{
    if (shard->count == 0)
        return NULL;
    for (struct entry *entry = *bucket_of(shard, hash); entry != NULL; entry = entry->next) {
        if (same_thing(&entry->revocation, key))
            return entry;
    }
    return NULL;
}

static void grow(struct shard *shard)
{
    struct entry **old = shard->buckets;
    size_t old_count = shard->bucket_count;
    shard->bucket_count = old_count == 0 ? BUCKETS_MIN : 2 * old_count;
    shard->buckets = fr_alloc_array(shard->bucket_count, sizeof *shard->buckets);
    for (size_t i = 0; i < old_count; i++) {
        for (struct entry *entry = old[i], *next; entry != NULL; entry = next) {
            struct entry **bucket = bucket_of(shard, hash_of(&entry->revocation));
            next = entry->next;
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    free(old);
}

static atomic_size_t *counter_of(struct fr_revocations *set, const struct fr_revocation *revocation)
{
    return revocation->user_id != 0 ? &set->users : &set->tokens;
}

/* ---- the filter ---- */

struct bits {
    uint64_t at[2];
};

static struct bits bits_of(const struct fr_revocation *key)
{
    uint64_t first = hash_of(key);
    uint64_t second = mix(key->user_id != 0 ? first : key->token.words[1]);
    return (struct bits){{first % FILTER_BITS, second % FILTER_BITS}};
}

static bool filter_has(const struct fr_revocations *set, const struct fr_revocation *key)
{
    struct bits bits = bits_of(key);
    for (size_t i = 0; i < FR_COUNT_OF(bits.at); i++) {
        uint64_t word = atomic_load_explicit(&set->filter[bits.at[i] / 64], memory_order_relaxed);
        if ((word >> (bits.at[i] % 64) & 1) == 0)
            return false;
    }
    return true;
}

/* False if all its bits were set already. */
static bool filter_add(struct fr_revocations *set, const struct fr_revocation *key)
{
    struct bits bits = bits_of(key);
    bool known = filter_has(set, key);
    for (size_t i = 0; i < FR_COUNT_OF(bits.at); i++)
        atomic_fetch_or(&set->filter[bits.at[i] / 64], (uint64_t)1 << bits.at[i] % 64);
    atomic_store(&set->overflowed, true);
    return !known;
}

/* ---- the set ---- */

struct fr_revocations *fr_revocations_new(size_t max)
{
    struct fr_revocations *set = FR_NEW(struct fr_revocations);
    set->max = max;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_rwlock_init(&set->shards[i].lock, NULL);
    set->filter = fr_alloc_array(FILTER_WORDS, sizeof *set->filter);
    return set;
}

void fr_revocations_free(struct fr_revocations *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &set->shards[i];
        for (size_t j = 0; j < shard->bucket_count; j++) {
            for (struct entry *entry = shard->buckets[j], *next; entry != NULL; entry = next) {
                next = entry->next;
                free(entry);
            }
        }
        free(shard->buckets);
        pthread_rwlock_destroy(&shard->lock);
    }
    free(set->filter);
    free(set);
}

/* A user's may come again, with a later time. */
static bool renew(struct entry *entry, const struct fr_revocation *revocation)
{
    bool later = revocation->revoked_ms > entry->revocation.revoked_ms;
    if (later)
        entry->revocation.revoked_ms = revocation->revoked_ms;
    if (revocation->until_ms > entry->revocation.until_ms)
        entry->revocation.until_ms = revocation->until_ms;
    return later && revocation->user_id != 0;
}

static bool insert(struct fr_revocations *set, struct shard *shard, const struct fr_revocation *revocation,
                   uint64_t hash)
{
    atomic_size_t *counter = counter_of(set, revocation);
    if (atomic_fetch_add(counter, 1) >= set->max) {
        atomic_fetch_sub(counter, 1);
        return filter_add(set, revocation);
    }
    if (shard->count >= shard->bucket_count)
        grow(shard);
    struct entry *entry = FR_NEW(struct entry);
    struct entry **bucket = bucket_of(shard, hash);
    entry->revocation = *revocation;
    entry->next = *bucket;
    *bucket = entry;
    shard->count++;
    return true;
}

bool fr_revocations_add(struct fr_revocations *set, const struct fr_revocation *revocation)
{
    uint64_t hash = hash_of(revocation);
    struct shard *shard = shard_of(set, hash);
    pthread_rwlock_wrlock(&shard->lock);
    struct entry *known = find(shard, revocation, hash);
    bool news = known != NULL ? renew(known, revocation) : insert(set, shard, revocation, hash);
    pthread_rwlock_unlock(&shard->lock);
    return news;
}

static bool covered_by(struct fr_revocations *set, const struct fr_revocation *key,
                       const struct fr_token *token, const struct fr_token_key *token_key)
{
    uint64_t hash = hash_of(key);
    struct shard *shard = shard_of(set, hash);
    pthread_rwlock_rdlock(&shard->lock);
    const struct entry *entry = find(shard, key, hash);
    bool covered = entry != NULL &&
                   fr_revocation_covers(&entry->revocation, token->user_id, token_key, token->issued_ms);
    pthread_rwlock_unlock(&shard->lock);
    return covered || (atomic_load(&set->overflowed) && filter_has(set, key));
}

bool fr_revocations_cover(struct fr_revocations *set, const struct fr_token *token)
{
    struct fr_token_key token_key;
    if (fr_token_key_parse(fr_str_of(token->id), &token_key) != FR_OK)
        return true; /* none of ours */
    return covered_by(set, &(struct fr_revocation){.token = token_key}, token, &token_key) ||
           covered_by(set, &(struct fr_revocation){.user_id = token->user_id}, token, &token_key);
}

static void expire_bucket(struct fr_revocations *set, struct shard *shard, struct entry **at, int64_t now_ms)
{
    while (*at != NULL) {
        struct entry *entry = *at;
        if (entry->revocation.until_ms > now_ms) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        shard->count--;
        atomic_fetch_sub(counter_of(set, &entry->revocation), 1);
        free(entry);
    }
}

bool fr_revocations_expire_some(struct fr_revocations *set, int64_t now_ms)
{
    size_t looked_at = 0;
    while (set->next_to_expire < SHARDS && looked_at < EXPIRE_STEP) {
        struct shard *shard = &set->shards[set->next_to_expire++];
        pthread_rwlock_wrlock(&shard->lock);
        looked_at += shard->count;
        for (size_t i = 0; i < shard->bucket_count; i++)
            expire_bucket(set, shard, &shard->buckets[i], now_ms);
        pthread_rwlock_unlock(&shard->lock);
    }
    if (set->next_to_expire < SHARDS)
        return false;
    set->next_to_expire = 0;
    return true;
}

size_t fr_revocations_count(const struct fr_revocations *set)
{
    return atomic_load(&set->tokens) + atomic_load(&set->users);
}

bool fr_revocations_overflowed(const struct fr_revocations *set)
{
    return atomic_load(&set->overflowed);
}

void fr_revocations_set_complete(struct fr_revocations *set)
{
    atomic_store(&set->complete, true);
}

bool fr_revocations_complete(const struct fr_revocations *set)
{
    return atomic_load(&set->complete);
}
