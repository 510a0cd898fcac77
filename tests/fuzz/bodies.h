/* Bodies of requests: each decoder, and that what we write of a text can be read back. */
#ifndef FR_TESTS_FUZZ_BODIES_H
#define FR_TESTS_FUZZ_BODIES_H

#include "fuzz.h"
#include "wire/wire.h"

/* The first byte of the input says which decoder gets the rest. */
void fr_fuzz_body(enum fr_encoding encoding, struct fr_fuzz_input input);

#endif
