/* The modes, one function each; they return the process's exit code. */
#ifndef WSBENCH_MODES_H
#define WSBENCH_MODES_H

#include "options.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNTRUE = 3 };

/* live.c: idle, live, resume, echo */
int run_live(const struct options *options);
/* http.c */
int run_http(const struct options *options);
/* serve.c */
int run_serve(const struct options *options);

/* main.c: Ctrl-C and SIGTERM: end what goes on, and tell what was measured until then. */
bool interrupted(void);
/* Says what went wrong; returns EXIT_FAILED. */
int failed(const struct fr_error *error);
/* Bytes of a request to POST /post/create whose text bears the mark. */
void write_create(struct fr_buf *out, const struct options *options, const char *token, uint32_t run,
                  uint32_t index);

#endif
