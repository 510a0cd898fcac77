/* The Accept header (RFC 9110 section 12.5.1): what an answer is written in; and Accept-Encoding. */
#ifndef FR_HTTP_ACCEPT_HEADER_H
#define FR_HTTP_ACCEPT_HEADER_H

#include "base/base.h"

enum fr_accept {
    FR_ACCEPT_JSON,      /* problems as application/problem+json */
    FR_ACCEPT_JSON_ONLY, /* problems too as application/json: the client takes neither that nor a wildcard */
    FR_ACCEPT_PROTOBUF,  /* all of it as application/x-protobuf */
};

/* Protobuf is for those who ask for it: for whom application/x-protobuf has a higher quality than JSON, or
 * the same and is named more closely, or as closely and first. Everybody else gets JSON, also who accepts
 * none of ours: that is how clients of the public API are used to be treated. An absent header takes
 * everything. */
enum fr_accept fr_accept_parse(struct fr_str accept);

/* Which of `types` ("text/event-stream"…, lower case) is wanted most: the one with the highest quality value,
 * and of equal ones the first. For each the most specific range that names it counts. -1 if none is
 * acceptable; the first for an absent or empty header. Parameters of a type other than q are not compared. */
int fr_accept_choose(struct fr_str accept, const char *const types[], int count);

/* Accept-Encoding (RFC 9110 section 12.5.3): gzip is accepted, and preferred to none if that is weighed. Who
 * says nothing gets none. */
bool fr_accept_gzip(struct fr_str accept_encoding);

#endif
