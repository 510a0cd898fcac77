#include "http/http_internal.h"

#include <assert.h>

static const struct fr_problem_kind kinds[FR_PROBLEM_COUNT] = {
#define FR_PROBLEM(id, http_status_, code_, slug, title_, detail_) \
    [FR_PROBLEM_##id] = {.http_status = (http_status_),            \
                         .code = (code_),                          \
                         .type = "urn:freshet:problem:" slug,      \
                         .title = (title_),                        \
                         .detail = (detail_)},
#include "http/problems.def"
#undef FR_PROBLEM
};

const struct fr_problem_kind *fr_problem_kind(enum fr_problem problem)
{
    assert((unsigned)problem < FR_PROBLEM_COUNT);
    return &kinds[problem];
}

enum fr_problem fr_problem_of_status(enum fr_status status)
{
    switch (status) {
    case FR_INVALID:
        return FR_PROBLEM_INVALID_FIELD;
    case FR_UNAUTHENTICATED:
        return FR_PROBLEM_UNAUTHENTICATED;
    case FR_FORBIDDEN:
        return FR_PROBLEM_FORBIDDEN;
    case FR_NOT_FOUND:
        return FR_PROBLEM_NOT_FOUND;
    case FR_CONFLICT:
        return FR_PROBLEM_CONFLICT;
    case FR_FULL:
        return FR_PROBLEM_OVERLOADED;
    case FR_TIMEOUT:
        return FR_PROBLEM_TIMED_OUT;
    case FR_UNAVAILABLE:
    case FR_CANCELLED:
        return FR_PROBLEM_UNAVAILABLE;
    case FR_OK:
    case FR_IO:
    case FR_PROTOCOL:
    case FR_INTERNAL:
        break;
    }
    return FR_PROBLEM_INTERNAL;
}
