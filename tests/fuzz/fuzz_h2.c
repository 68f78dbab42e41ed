// SPDX-License-Identifier: Apache-2.0
// links: wf_http
#include "http_pipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    fuzz_session(wf_h2_new, preface, sizeof preface, data,
                 size); // with its NUL: SETTINGS' last byte
    return 0;
}
