// SPDX-License-Identifier: Apache-2.0
// links: wf_http
#include "http_pipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_session(wf_h1_new, NULL, 0, data, size);
    return 0;
}
