// SPDX-License-Identifier: Apache-2.0
#include "cli/columns.h"

#include <stddef.h>

#include "watchfire/v1/access.pb-c.h"
#include "watchfire/v1/cluster.pb-c.h"
#include "watchfire/v1/incident.pb-c.h"
#include "watchfire/v1/log.pb-c.h"

#define COLUMNS(...)                                                                               \
    (const struct wf_column[])                                                                     \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define TEXT(h, p)                                                                                 \
    {                                                                                              \
        .header = h, .path = p                                                                     \
    }
#define NUMBER(h, p)                                                                               \
    {                                                                                              \
        .header = h, .path = p, .right = true                                                      \
    }
#define AGO(h, p)                                                                                  \
    {                                                                                              \
        .header = h, .path = p, .time = WF_TIME_RELATIVE                                           \
    }
#define UTC(h, p)                                                                                  \
    {                                                                                              \
        .header = h, .path = p, .time = WF_TIME_UTC                                                \
    }

static const struct {
    const ProtobufCMessageDescriptor *type;
    const struct wf_column *columns;
} TYPES[] = {
    {&watchfire__v1__incident__descriptor,
     COLUMNS(TEXT("ID", "id"), TEXT("STATE", "state"), TEXT("SEVERITY", "severity"),
             TEXT("IC", "commander"), AGO("DECLARED", "declared_at"), AGO("UPDATED", "updated_at"),
             TEXT("TITLE", "title"))},
    {&watchfire__v1__role_assignment__descriptor,
     COLUMNS(TEXT("ROLE", "role"), TEXT("GROUP", "group"), TEXT("HOLDER", "holder"),
             AGO("SINCE", "since"), NUMBER("EPOCH", "epoch"), TEXT("OFFERED TO", "offer.to"),
             AGO("LAPSES", "offer.expires_at"), TEXT("CLAIMED BY", "claim.by"),
             AGO("HOLDS", "claim.valid_at"))},
    {&watchfire__v1__sitrep__descriptor,
     COLUMNS(NUMBER("#", "number"), NUMBER("VERSION", "version"), UTC("POSTED", "at"),
             TEXT("BY", "by"), TEXT("WHAT IS BROKEN", "what_is_broken"))},
    {&watchfire__v1__status_post__descriptor,
     COLUMNS(NUMBER("#", "number"), TEXT("KIND", "kind"), UTC("POSTED", "at"), TEXT("BY", "by"),
             TEXT("GROUPS", "component_groups"), TEXT("TEXT", "body"))},
    {&watchfire__v1__task__descriptor,
     COLUMNS(NUMBER("#", "number"), TEXT("CLOSED", "closed"), TEXT("OWNER", "owner"),
             AGO("CHANGED", "at"), TEXT("TASK", "title"))},
    {&watchfire__v1__vendor_ticket__descriptor,
     COLUMNS(TEXT("VENDOR", "vendor"), TEXT("TICKET", "ticket"), TEXT("STATE", "state"),
             TEXT("BY", "by"), AGO("CHANGED", "at"), TEXT("URL", "url"))},
    {&watchfire__v1__link__descriptor,
     COLUMNS(TEXT("TITLE", "title"), TEXT("BY", "by"), TEXT("URL", "url"))},
    {&watchfire__v1__timeline_line__descriptor,
     COLUMNS(NUMBER("SEQ", "seq"), UTC("TIME", "at"), TEXT("WHO", "actor"), TEXT("WHAT", "text"))},
    {&watchfire__v1__event__descriptor,
     COLUMNS(NUMBER("SEQ", "seq"), UTC("TIME", "at"), TEXT("INCIDENT", "incident_id"),
             TEXT("WHO", "actor"),
             {.header = "WHAT", .path = "announcement", .otherwise = {"text", "note.text"}})},
    {&watchfire__v1__search_hit__descriptor,
     COLUMNS(NUMBER("SEQ", "event.seq"), UTC("TIME", "event.at"),
             TEXT("INCIDENT", "event.incident_id"), TEXT("WHO", "event.actor"),
             TEXT("FOUND", "snippet"))},
    {&watchfire__v1__draft_finding__descriptor,
     COLUMNS(TEXT("KIND", "kind"), TEXT("PASSAGE", "text"), TEXT("ADVICE", "advice"))},
    {&watchfire__v1__token__descriptor,
     COLUMNS(TEXT("ID", "id"), TEXT("NAME", "name"), TEXT("OWNER", "owner"), TEXT("ROLE", "role"),
             TEXT("SCOPES", "scopes"), AGO("CREATED", "created_at"), AGO("ENDS", "expires_at"),
             AGO("USED", "last_used_at"), TEXT("REVOKED", "revoked"),
             TEXT("MADE WITH", "made_with"))},
    {&watchfire__v1__user__descriptor,
     COLUMNS(TEXT("NAME", "name"), TEXT("KIND", "kind"), TEXT("ROLE", "role"),
             TEXT("SHOWN AS", "display_name"))},
    {&watchfire__v1__audit_entry__descriptor,
     COLUMNS(UTC("TIME", "at"), TEXT("WHO", "actor"),
             {.header = "CODE", .path = "code", .code = true},
             {.header = "TIMES", .path = "count", .right = true, .above_one = true},
             TEXT("TARGET", "target"), {.header = "METHOD", .path = "method", .method = true},
             TEXT("WHAT", "message"))},
    {&watchfire__v1__member__descriptor,
     COLUMNS(TEXT("NAME", "name"), TEXT("REGION", "region"), TEXT("ROLE", "role"),
             TEXT("LEADS", "leader"), TEXT("LINK", "connected"), NUMBER("HEARD MS", "heard_ms_ago"),
             NUMBER("APPLIED", "applied_index"), NUMBER("BEHIND B", "lag_bytes"),
             TEXT("DISK LOW", "disk_low"), TEXT("ADDRESS", "address"))},
};

const struct wf_column *wf_columns_of(const ProtobufCMessageDescriptor *type)
{
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++)
        if (TYPES[i].type == type)
            return TYPES[i].columns;
    return NULL;
}
