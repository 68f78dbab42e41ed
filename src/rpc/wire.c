// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire.h"

static bool varint(struct wf_wire *w, uint64_t *out)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64 && w->p < w->end; shift += 7) {
        uint8_t b = *w->p++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if ((b & 0x80) == 0) {
            *out = v;
            return true;
        }
    }
    return false;
}

bool wf_wire_next(struct wf_wire *w, struct wf_wire_field *f)
{
    uint64_t tag, n = 0;

    *f = (struct wf_wire_field){.start = w->p};
    if (w->p >= w->end || !varint(w, &tag))
        return false;
    f->number = (unsigned)(tag >> 3);
    switch (tag & 7) {
    case 0:
        return varint(w, &f->value);
    case 1:
        n = 8;
        break;
    case 2:
        if (!varint(w, &n))
            return false;
        break;
    case 5:
        n = 4;
        break;
    default:
        return false;
    }
    if (n > (uint64_t)(w->end - w->p))
        return false;
    f->data = w->p;
    f->len = (size_t)n;
    w->p += n;
    return true;
}
