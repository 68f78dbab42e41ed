// SPDX-License-Identifier: Apache-2.0
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void wf_assert_failed(const char *expr, const char *file, int line, const char *func)
{
    fprintf(stderr, "level=fatal msg=\"assertion failed: %s\" at=%s:%d func=%s\n", expr, file, line,
            func);
    abort();
}
