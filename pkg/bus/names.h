/* Names and subjects on the bus: consumers, and what a delivered message says in its reply subject. Pure. */
#ifndef FR_BUS_NAMES_H
#define FR_BUS_NAMES_H

#include "base/base.h"

#define NAMES_GATEWAY_MAX 32
/* A gateway's name and what tells its process from an earlier one of that name: "gw1x0a1b2c3d". */
#define NAMES_INSTANCE_SIZE (NAMES_GATEWAY_MAX + 1 + 8 + 1)
#define NAMES_CONSUMER_SIZE (NAMES_INSTANCE_SIZE + 1 + 16)
#define NAMES_SUBJECT_SIZE 64 /* feed.<p>.<uid>, celeb.<author>, post.<p>.<author>, nudge.<p> */

bool fr_bus_gateway_name_valid(const char *gateway);
void fr_bus_format_instance(const char *gateway, uint32_t nonce, char out[static NAMES_INSTANCE_SIZE]);
/* "<instance>_<number in 16 hexadecimal digits>" */
void fr_bus_format_consumer(const char *instance, uint64_t number, char out[static NAMES_CONSUMER_SIZE]);
/* FR_PROTOCOL for a name that fr_bus_format_consumer() does not make with this instance. */
FR_WARN_UNUSED enum fr_status fr_bus_parse_consumer(const char *instance, struct fr_str name, uint64_t *ret);

struct fr_bus_ack {
    struct fr_str stream, consumer; /* slices of the subject */
    uint64_t delivered, stream_seq, consumer_seq, pending;
    int64_t timestamp_ns;
};

/* $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<timestamp>.<pending>, and the form of
 * newer servers with domain and account hash before the stream and perhaps a token at the end. FR_PROTOCOL
 * for others. */
FR_WARN_UNUSED enum fr_status fr_bus_parse_ack(struct fr_str subject, struct fr_bus_ack *ret);

void fr_bus_format_feed(int64_t user_id, char out[static NAMES_SUBJECT_SIZE]);
/* feed.<partition>.<uid>; FR_PROTOCOL for others. */
FR_WARN_UNUSED enum fr_status fr_bus_parse_feed(struct fr_str subject, int *ret_partition,
                                                int64_t *ret_user_id);

/* celeb.<author>; FR_PROTOCOL for others. */
FR_WARN_UNUSED enum fr_status fr_bus_parse_celebrity(struct fr_str subject, int64_t *ret_author_id);

/* RFC 3339 with up to nine decimals, "Z" or an offset, as Unix time in ns; FR_PROTOCOL for others, and for
 * the years that do not fit. */
FR_WARN_UNUSED enum fr_status fr_bus_parse_time(const char *text, int64_t *ret_ns);

#endif
