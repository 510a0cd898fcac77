/* Bodies in protobuf. */
#include "bodies.h"

void fr_fuzz_begin(void)
{
}

void fr_fuzz_one(const uint8_t *data, size_t len)
{
    fr_fuzz_body(FR_ENCODING_PROTOBUF, (struct fr_fuzz_input){data, len});
}
