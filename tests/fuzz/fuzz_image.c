// SPDX-License-Identifier: Apache-2.0
// links: wf_state
// The bytes as an image file to install: refused or installed, the state works and nothing crashes.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "state/messages.h"
#include "state/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct wf_state *s)
{
    struct wf_state_reader *r;
    struct wf_err err;
    V1(ListIncidentsRequest) list = WATCHFIRE__V1__LIST_INCIDENTS_REQUEST__INIT;
    V1(GetBriefRequest) brief = WATCHFIRE__V1__GET_BRIEF_REQUEST__INIT;
    V1(SearchRequest) search = WATCHFIRE__V1__SEARCH_REQUEST__INIT;
    ProtobufCMessage *requests[] = {&list.base, &brief.base, &search.base}, *answer;
    uint8_t head[WF_HASH_SIZE];
    uint64_t events, broken;

    brief.incident_id = (char *)"INC-1";
    search.query = (char *)"x";
    WF_ASSERT(wf_state_reader_open(&r, s, &err) == WF_OK);
    for (int i = 0; i < 3; i++)
        if (wf_state_query(r, requests[i], &answer, &err) == WF_OK)
            protobuf_c_message_free_unpacked(answer, NULL);
    wf_state_verify(r, &events, &broken, head, &err);
    wf_state_reader_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wf_state *s;
    struct wf_err err;
    struct wf_state_bytes tick, result;
    char path[64];
    int fd = memfd_create("image", MFD_CLOEXEC);

    WF_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    WF_ASSERT(wf_state_open(&s, NULL, &err) == WF_OK);
    if (wf_state_install(s, path, &err) == WF_OK)
        read_all(s);
    else
        WF_ASSERT(wf_state_applied(s) == 0);
    tick = wf_state_tick(s);
    wf_state_apply(s, wf_state_applied(s) + 1, 1, 1, &tick, 1, &result, &err);
    wf_state_close(s);
    close(fd);
    return 0;
}
