/* URLs of NATS servers: a list that may hold user and password, which are never shown. */
#ifndef FR_BUS_URL_H
#define FR_BUS_URL_H

#include "base/base.h"

enum { BUS_URLS_MAX = 16 };

struct bus_urls {
    char *urls[BUS_URLS_MAX];
    int count;
};

/* `list`: (nats|tls)://[user:password@]host[:port], several separated by commas. FR_INVALID, naming
 * --nats-url, for anything else; the message does not repeat the URL. */
FR_WARN_UNUSED enum fr_status fr_bus_urls_parse(const char *list, struct bus_urls *ret,
                                                struct fr_error *error);
void fr_bus_urls_release(struct bus_urls *urls);
/* What follows scheme and user: fit for a log line. A slice of `url`. */
struct fr_str fr_bus_url_without_user(const char *url);

#endif
