/* The private NATS server of a test: asked directly, killed, stopped and started again. */
#ifndef FR_TESTS_NATS_FIXTURE_H
#define FR_TESTS_NATS_FIXTURE_H

#include "bus/bus.h"

const char *nats_url(void);
void nats_kill(void);  /* SIGKILL, and waits for its end */
void nats_start(void); /* waits until it answers */
/* Throws the store away; it must be down. */
void nats_wipe(void);
void nats_stop(void); /* SIGSTOP: it neither reads nor answers */
void nats_continue(void);

/* A connection of the test's own, in the protocol's plain text. Any thread, one at a time. */
void nats_raw_publish(const char *subject, const char *data);
/* The answer's payload, which the caller frees; "" for none within 5 s or no responders. */
char *nats_raw_request(const char *subject, const char *data);
/* Must be called before the server is killed, and at the end. */
void nats_raw_close(void);
/* A number within the answer of a $JS.API call: the one behind the first "<name>":. -1 if there is none. */
int64_t nats_api_number(const char *subject, const char *name);

/* Breaks the established TCP connections to the server that this process has, but for the raw one. */
void nats_break_connections(void);

/* A bus with `reconnected` counted in *count (may be NULL). */
struct fr_bus *nats_open_bus(const char *name, int64_t pending_max, _Atomic int *reconnected);
/* Waits up to 20 s for *value to reach `wanted`; fails the test else. */
void nats_wait(const char *what, _Atomic int *value, int wanted);

#endif
