#include "posts.h"

#include <stdlib.h>

void posts_init(struct posts *posts, size_t max, uint32_t run)
{
    *posts = (struct posts){.list = fr_alloc_array(max, sizeof *posts->list), .max = max, .run = run};
}

void posts_release(struct posts *posts)
{
    free(posts->list);
    posts->list = NULL;
}

void post_arrived(struct post *post, int64_t now_ns)
{
    int64_t none = 0;
    atomic_compare_exchange_strong(&post->first_ns, &none, now_ns);
    int64_t last = atomic_load(&post->last_ns);
    while (last < now_ns && !atomic_compare_exchange_weak(&post->last_ns, &last, now_ns))
        ;
    atomic_fetch_add(&post->got, 1);
}
