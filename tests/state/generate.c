// SPDX-License-Identifier: Apache-2.0
#include "generate.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "state/messages.h"
#include "state/schema.h"

static const struct {
    const char *name;
    int kind, role;
} people[] = {
    {"ada", KIND_USER, ROLE_ADMIN},        {"ricardo", KIND_USER, ROLE_COMMANDER},
    {"chris", KIND_USER, ROLE_COMMANDER},  {"sam", KIND_USER, ROLE_RESPONDER},
    {"tia", KIND_USER, ROLE_RESPONDER},    {"vic", KIND_USER, ROLE_VIEWER},
    {"bot", KIND_SERVICE, ROLE_RESPONDER}, {"hook", KIND_SERVICE, ROLE_INGEST},
};
enum { PEOPLE = sizeof people / sizeof people[0] };

static const char *const texts[] = {
    "noted",
    "",
    "The database fell over",
    "We expect to be back in 30 minutes, it was caused by Amazon.",
    "Z\xc3\xbcrich \xe2\x86\x92 Wien",
    "two\nlines",
    "bad \xff bytes",
    "gone",
    "https://graphs.example/1",
    "open",
};
enum { TEXTS = sizeof texts / sizeof texts[0] };

uint64_t generate_below(struct generator *g, uint64_t n)
{
    g->x ^= g->x << 13; // xorshift64
    g->x ^= g->x >> 7;
    g->x ^= g->x << 17;
    return (g->x >> 11) % n;
}

void generate_begin(struct generator *g, uint64_t seed)
{
    g->x = seed * 0x9e3779b97f4a7c15u + 1;
    g->made = 0;
    g->offered_role = 0;
    wf_arena_init(&g->arena);
}

void generate_end(struct generator *g)
{
    wf_arena_free(&g->arena);
}

// --- fields by what they are called -------------------------------------------------------------

static char *long_text(struct generator *g)
{
    size_t n = generate_below(g, 10000);
    char *s = wf_arena_alloc(&g->arena, n + 1);

    memset(s, 'x', n);
    s[n] = '\0';
    return s;
}

static char *any_string(struct generator *g, const char *field)
{
    static const char *const names = " to owner first_responder name ";
    char spaced[64];

    if (generate_below(g, 60) == 0)
        return long_text(g);
    if (strcmp(field, "incident_id") == 0)
        return wf_arena_printf(&g->arena, "INC-%d",
                               (int)(1 + generate_below(g, generate_below(g, 8) == 0 ? 5 : 2)));
    if (strcmp(field, "group") == 0)
        return (char *)(generate_below(g, 12) == 0 ? "database" : "");
    if (strcmp(field, "id") == 0 || strcmp(field, "ids") == 0 ||
        (strcmp(field, "made_with") == 0 && generate_below(g, 2) == 0))
        return wf_arena_printf(&g->arena, "tok-%d", (int)generate_below(g, 6));
    if (strcmp(field, "scopes") == 0)
        return (char *)(generate_below(g, 5) == 0 ? "x" : "IncidentService");
    snprintf(spaced, sizeof spaced, " %s ", field);
    if (strstr(names, spaced) != NULL && generate_below(g, 12) != 0)
        return (char *)people[generate_below(g, generate_below(g, 5) == 0 ? PEOPLE : 5)].name;
    if (strcmp(field, "url") == 0)
        return (char *)texts[8];
    return (char *)texts[generate_below(g, 8) != 0 ? 0 : generate_below(g, TEXTS)];
}

static uint64_t any_number(struct generator *g, const char *field)
{
    bool epoch = strcmp(field, "epoch") == 0 || strcmp(field, "role_epoch") == 0;

    switch (generate_below(g, epoch ? 40 : 12)) {
    case 0:
        return generate_below(g, UINT32_MAX);
    case 1:
        return 1000 + generate_below(g, 2000);
    case 2:
    case 3:
    case 4:
        return generate_below(g, strcmp(field, "seq") == 0 ? 200 : 5);
    default:
        return 0;
    }
}

static int any_enum(struct generator *g, const ProtobufCEnumDescriptor *e)
{
    if (generate_below(g, 80) == 0)
        return 99;
    if (e == &watchfire__v1__incident_role__descriptor && generate_below(g, 4) != 0)
        return generate_below(g, 2) == 0 ? IR_COMMANDER : IR_SCRIBE; // so that answers meet offers
    if (e == &watchfire__v1__role__descriptor && generate_below(g, 2) == 0)
        return ROLE_COMMANDER;
    return e->values[generate_below(g, e->n_values)].value;
}

static ProtobufCMessage *any_message(struct generator *g, const ProtobufCMessageDescriptor *d);

static void fill_one(struct generator *g, const ProtobufCFieldDescriptor *f, void *at)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = any_string(g, f->name);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        *(int *)at = any_enum(g, f->descriptor);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = generate_below(g, 4) == 0;
        break;
    case PROTOBUF_C_TYPE_UINT32:
        *(uint32_t *)at = (uint32_t)any_number(g, f->name);
        break;
    case PROTOBUF_C_TYPE_UINT64:
        *(uint64_t *)at = any_number(g, f->name);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)at = generate_below(g, 6) == 0 ? NULL : any_message(g, f->descriptor);
        break;
    case PROTOBUF_C_TYPE_BYTES: {
        ProtobufCBinaryData *b = at;
        b->len = generate_below(g, 8) == 0 ? 5 : 32;
        b->data = wf_arena_alloc(&g->arena, b->len);
        memset(b->data, (int)generate_below(g, 256), b->len);
        break;
    }
    default: // times of audit entries: as they are
        break;
    }
}

static ProtobufCMessage *any_message(struct generator *g, const ProtobufCMessageDescriptor *d)
{
    ProtobufCMessage *m = wf_arena_alloc(&g->arena, d->sizeof_message);

    d->message_init(m);
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &d->fields[i];
        char *at = (char *)m + f->offset;
        if (f->label != PROTOBUF_C_LABEL_REPEATED) {
            fill_one(g, f, at);
            continue;
        }
        size_t n = generate_below(g, 3);
        *(size_t *)((char *)m + f->quantifier_offset) = n;
        void **items = wf_arena_alloc(&g->arena, (n + 1) * sizeof(void *));
        for (size_t k = 0; k < n; k++) {
            items[k] = NULL;
            fill_one(g, f, &items[k]);
            if (items[k] == NULL)
                items[k] = any_message(g, f->descriptor);
        }
        *(void **)at = items;
    }
    return m;
}

// --- commands -----------------------------------------------------------------------------------

static struct wf_state_bytes pack(struct generator *g, const ProtobufCMessage *m)
{
    size_t len = protobuf_c_message_get_packed_size(m);
    uint8_t *bytes = wf_arena_alloc(&g->arena, len);

    protobuf_c_message_pack(m, bytes);
    return (struct wf_state_bytes){bytes, len};
}

static struct wf_state_bytes genesis(struct generator *g)
{
    INTERNAL(Command) c = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    INTERNAL(GenesisCommand) b = WATCHFIRE__INTERNAL__V1__GENESIS_COMMAND__INIT;
    V1(Actor) node = WATCHFIRE__V1__ACTOR__INIT;
    V1(User) users[PEOPLE], *list[PEOPLE];
    uint8_t id[16] = {7};

    for (int i = 0; i < PEOPLE; i++) {
        watchfire__v1__user__init(&users[i]);
        users[i].name = (char *)people[i].name;
        users[i].kind = (V1(ActorKind))people[i].kind;
        users[i].role = (V1(Role))people[i].role;
        list[i] = &users[i];
    }
    node.name = (char *)"fra-1";
    node.kind = KIND_NODE;
    b.cluster_id.data = id;
    b.cluster_id.len = sizeof id;
    b.cluster_name = (char *)"twin";
    b.users = list;
    b.n_users = PEOPLE;
    c.actor = &node;
    c.request_case = REQUEST(GENESIS);
    c.genesis = &b;
    return pack(g, &c.base);
}

static void set_actor(struct generator *g, V1(Actor) * a, bool node)
{
    size_t i = generate_below(g, 3) == 0 ? 0 : generate_below(g, PEOPLE);

    a->name = (char *)(node ? "fra-1" : people[i].name);
    a->kind = node ? KIND_NODE : (V1(ActorKind))people[i].kind;
    a->role = node ? ROLE_NONE : (V1(Role))people[i].role;
}

static void set_request(struct generator *g, INTERNAL(Command) * c)
{
    const ProtobufCMessageDescriptor *d = c->base.descriptor;
    const ProtobufCFieldDescriptor *f;

    do // the oneof begins at field 10; incidents must come about often enough
        f = generate_below(g, 8) == 0 ? protobuf_c_message_descriptor_get_field(d, 10)
                                      : &d->fields[generate_below(g, d->n_fields)];
    while (f->id < 10 || (f->id == REQUEST(REMOVE_USER) && generate_below(g, 8) != 0));
    c->request_case = (INTERNAL(Command__RequestCase))f->id;
    c->add_note = (void *)any_message(g, f->descriptor);
    if (c->request_case == REQUEST(MIGRATE)) // an unknown one stops the node
        c->migrate->schema %= WF_SCHEMA_VERSION + 1;
}

// The next command answers the last offer or claim: accept, decline, withdraw, refuse or release.
static void set_answer(struct generator *g, INTERNAL(Command) * c, V1(Actor) * a)
{
    static const int answers[] = {REQUEST(ACCEPT_ROLE),  REQUEST(ACCEPT_ROLE),
                                  REQUEST(DECLINE_ROLE), REQUEST(WITHDRAW_OFFER),
                                  REQUEST(REFUSE_CLAIM), REQUEST(RELEASE_ROLE)};
    int id = answers[generate_below(g, 6)];
    bool own = id == REQUEST(ACCEPT_ROLE) || id == REQUEST(DECLINE_ROLE);
    ProtobufCMessage *m = any_message(
        g, protobuf_c_message_descriptor_get_field(c->base.descriptor, (unsigned)id)->descriptor);
    const ProtobufCMessageDescriptor *d = m->descriptor;

    *(char **)((char *)m +
               protobuf_c_message_descriptor_get_field_by_name(d, "incident_id")->offset) =
        g->offered_in;
    *(int *)((char *)m + protobuf_c_message_descriptor_get_field_by_name(d, "role")->offset) =
        g->offered_role;
    c->request_case = (INTERNAL(Command__RequestCase))id;
    c->add_note = (void *)m;
    a->name = own ? g->offered_to : (char *)"ada";
    a->kind = KIND_USER;
    a->role = own ? ROLE_COMMANDER : ROLE_ADMIN;
    g->offered_role = 0;
}

static void remember_offer(struct generator *g, const INTERNAL(Command) * c)
{
    if (c->request_case == REQUEST(OFFER_ROLE)) {
        snprintf(g->offered_in, sizeof g->offered_in, "%s", c->offer_role->incident_id);
        snprintf(g->offered_to, sizeof g->offered_to, "%s", c->offer_role->to);
        g->offered_role = (int)c->offer_role->role;
    } else if (c->request_case == REQUEST(CLAIM_ROLE)) {
        snprintf(g->offered_in, sizeof g->offered_in, "%s", c->claim_role->incident_id);
        snprintf(g->offered_to, sizeof g->offered_to, "%s", c->actor->name);
        g->offered_role = (int)c->claim_role->role;
    }
}

// A byte changed, or the end cut off.
static void damage(struct generator *g, struct wf_state_bytes *c)
{
    uint8_t *bytes = (uint8_t *)c->data;

    if (generate_below(g, 2) == 0)
        c->len = generate_below(g, c->len + 1);
    else if (c->len > 0)
        bytes[generate_below(g, c->len)] ^= (uint8_t)(1u << generate_below(g, 8));
}

static struct wf_state_bytes command(struct generator *g)
{
    INTERNAL(Command) c = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    V1(Actor) a = WATCHFIRE__V1__ACTOR__INIT;
    uint8_t print[4];

    c.actor = &a;
    if (g->offered_role != 0 && generate_below(g, 3) == 0) {
        set_answer(g, &c, &a);
    } else {
        set_request(g, &c);
        set_actor(g, &a, (c.request_case >= 60) != (generate_below(g, 20) == 0));
        remember_offer(g, &c);
    }
    c.request_id = wf_arena_printf(&g->arena, "r%d", (int)generate_below(g, 3000));
    c.request_id_assigned = generate_below(g, 2) == 0;
    memset(print, (int)generate_below(g, 3), sizeof print);
    c.fingerprint.data = print;
    c.fingerprint.len = sizeof print;
    struct wf_state_bytes packed = pack(g, &c.base);
    if (generate_below(g, 25) == 0)
        damage(g, &packed);
    return packed;
}

void generate_batch(struct generator *g, struct generated *out)
{
    wf_arena_reset(&g->arena);
    out->later_s = generate_below(g, 40) == 0 ? 90000 : (int64_t)generate_below(g, 60);
    out->n = g->made == 0 ? 1 : (unsigned)generate_below(g, GENERATE_BATCH_MAX + 1);
    for (unsigned i = 0; i < out->n; i++)
        out->commands[i] = g->made++ == 0 ? genesis(g) : command(g);
}
