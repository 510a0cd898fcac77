#include "posts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "people.h"

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

enum fr_status posts_write_told(const char *path, const struct posts *posts, const struct people *authors,
                                struct fr_error *error)
{
    FILE *out = fopen(path, "we");
    if (out == NULL)
        return fr_error_set_errno(error, errno, "%s", path);
    for (uint32_t i = 0; i < atomic_load(&posts->count); i++) {
        const struct post *post = &posts->list[i];
        if (atomic_load(&post->accepted_ns) > 0)
            fprintf(out, "%" PRId64 "\t%" PRIu32 "\n", authors->list[post->author].id,
                    atomic_load(&post->got));
    }
    bool wrote = ferror(out) == 0;
    if (fclose(out) != 0 || !wrote)
        return fr_error_set_errno(error, errno, "%s", path);
    return FR_OK;
}
