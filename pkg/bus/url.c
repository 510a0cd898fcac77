#include "url.h"

#include <stdlib.h>

/* Of "scheme://user:password@host:port/": "host:port". */
static struct fr_str cut_host(struct fr_str url)
{
    const char *scheme = memmem(url.data, url.len, "://", 3);
    struct fr_str rest = url;
    if (scheme != NULL)
        rest = (struct fr_str){scheme + 3, url.len - (size_t)(scheme + 3 - url.data)};
    const char *user_end = memrchr(rest.data, '@', rest.len);
    if (user_end != NULL)
        rest = (struct fr_str){user_end + 1, rest.len - (size_t)(user_end + 1 - rest.data)};
    while (rest.len > 0 && rest.data[rest.len - 1] == '/')
        rest.len--;
    return rest;
}

struct fr_str fr_bus_url_without_user(const char *url)
{
    return cut_host(fr_str_of(url));
}

static const char *find_fault(struct fr_str url)
{
    if (!fr_str_starts_with(url, FR_STR("nats://")) && !fr_str_starts_with(url, FR_STR("tls://")))
        return "must begin with nats:// or tls://";
    struct fr_str host = cut_host(url), port;
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.data[i] <= ' ')
            return "must not hold blanks or control characters";
    const char *after = host.data;
    if (host.len > 0 && host.data[0] == '[') {
        after = memchr(host.data, ']', host.len);
        if (after == NULL)
            return "has an IPv6 address without a closing bracket";
    }
    size_t left = host.len - (size_t)(after - host.data);
    const char *colon = memchr(after, ':', left);
    if (colon == host.data || host.len == 0)
        return "has no host";
    if (colon == NULL)
        return NULL;
    port = (struct fr_str){colon + 1, host.len - (size_t)(colon + 1 - host.data)};
    int64_t number;
    if (fr_str_to_i64(port, 1, 65535, &number) != FR_OK)
        return "has a port that is no number from 1 to 65535";
    return NULL;
}

enum fr_status fr_bus_urls_parse(const char *list, struct bus_urls *ret, struct fr_error *error)
{
    struct bus_urls urls = {.count = 0};
    struct fr_str rest = fr_str_of(list), piece;
    const char *fault = list == NULL || list[0] == '\0' ? "is empty" : NULL;
    while (fault == NULL && fr_str_next(&rest, ',', &piece)) {
        piece = fr_str_trim(piece);
        fault = urls.count == BUS_URLS_MAX ? "names too many servers" : find_fault(piece);
        if (fault == NULL)
            urls.urls[urls.count++] = fr_strndup(piece.data, piece.len);
    }
    if (fault != NULL) {
        int at = urls.count + 1;
        fr_bus_urls_release(&urls);
        return fr_error_set(error, FR_INVALID, "--nats-url", "server %d of the NATS URL %s", at, fault);
    }
    *ret = urls;
    return FR_OK;
}

void fr_bus_urls_release(struct bus_urls *urls)
{
    for (int i = 0; i < urls->count; i++) {
        explicit_bzero(urls->urls[i], strlen(urls->urls[i]));
        free(urls->urls[i]);
    }
    urls->count = 0;
}
