// SPDX-License-Identifier: Apache-2.0
// The reader: what README.md says about each kind of line, and nothing else.
#include "check/history.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "check/mem.h"

// One line being read. The first thing that is wrong is kept; what is read after it is ignored.
struct reader {
    struct history *h;
    const char *file;
    uint32_t line;
    const json_t *o; // the object whose members are read
    struct wf_err *err;
    bool failed;
};

static void wrong(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void wrong(struct reader *r, const char *fmt, ...)
{
    char what[800];
    va_list ap;

    if (r->failed)
        return;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    r->failed = true;
    wf_fail(r->err, WF_INVALID_ARGUMENT, "%s:%" PRIu32 ": %s", r->file, r->line, what);
}

// --- members ------------------------------------------------------------------------------------

static bool has(const struct reader *r, const char *key)
{
    return json_object_get(r->o, key) != NULL;
}

static uint64_t number(struct reader *r, const char *key)
{
    const json_t *v = json_object_get(r->o, key);

    if (!json_is_integer(v) || json_integer_value(v) < 0) {
        wrong(r, "\"%s\" must be there and be a whole number, not below 0", key);
        return 0;
    }
    return (uint64_t)json_integer_value(v);
}

static uint64_t number_if(struct reader *r, const char *key)
{
    return has(r, key) ? number(r, key) : 0;
}

static name_id text_of(struct reader *r, const json_t *v, const char *key)
{
    if (!json_is_string(v) || json_string_length(v) > HISTORY_TEXT_MAX) {
        wrong(r, "\"%s\" must be there and be a text of at most %d bytes", key, HISTORY_TEXT_MAX);
        return 0;
    }
    return names_id(&r->h->names, json_string_value(v), json_string_length(v));
}

// May be empty.
static name_id text(struct reader *r, const char *key)
{
    return text_of(r, json_object_get(r->o, key), key);
}

static name_id text_if(struct reader *r, const char *key)
{
    return has(r, key) ? text(r, key) : 0;
}

static name_id word(struct reader *r, const char *key)
{
    name_id id = text(r, key);

    if (id == 0)
        wrong(r, "\"%s\" must not be empty", key);
    return id;
}

// The member is one of n words: its number.
static int choice(struct reader *r, const char *key, const char *const *words, int n)
{
    const char *s = json_string_value(json_object_get(r->o, key));

    for (int i = 0; i < n && s != NULL; i++) {
        if (strcmp(words[i], s) == 0)
            return i;
    }
    wrong(r, "\"%s\" is %.40s%s%s, which it cannot be", key,
          s != NULL ? "\"" : "missing or no text", s != NULL ? s : "", s != NULL ? "\"" : "");
    return 0;
}

static enum phase phase(struct reader *r, const char *key)
{
    const char *words[PHASES];

    for (int i = 0; i < PHASES; i++)
        words[i] = i == PHASE_NONE ? "" : history_phase_name((enum phase)i);
    enum phase p = (enum phase)choice(r, key, words, PHASES);
    if (p == PHASE_NONE)
        wrong(r, "\"%s\" must be a state", key);
    return p;
}

// --- operations ---------------------------------------------------------------------------------

static void read_notes(struct reader *r, struct operation *op)
{
    const json_t *list = json_object_get(r->o, "notes"), *v;
    size_t i;

    if (!json_is_array(list)) {
        wrong(r, "\"notes\" must be there and be a list");
        return;
    }
    op->notes_at = r->h->n_notes;
    op->notes_n = (uint32_t)json_array_size(list);
    json_array_foreach(list, i, v)
    {
        name_id id = text_of(r, v, "notes");
        r->h->notes = mem_grow(r->h->notes, r->h->n_notes, &r->h->notes_cap, sizeof id);
        r->h->notes[r->h->n_notes++] = id;
    }
}

static void read_request(struct reader *r, struct operation *op)
{
    switch (op->kind) {
    case OP_NOTE:
    case OP_PUT:
        op->value = word(r, "value");
        break;
    case OP_OFFER:
        op->value = word(r, "to");
        op->believed = number_if(r, "believed");
        break;
    case OP_ACCEPT:
        op->value = word(r, "by");
        op->believed = number_if(r, "believed");
        break;
    case OP_STATE:
        op->phase = phase(r, "to");
        break;
    default:
        break;
    }
    if (history_is_write(op->kind) && !r->h->etcd)
        op->request = word(r, "request");
    if (op->kind == OP_DECLARE && op->outcome != OUTCOME_OK)
        op->incident = text_if(r, "incident");
    else
        op->incident = word(r, "incident");
}

static void read_result(struct reader *r, struct operation *op)
{
    bool commands = op->kind == OP_DECLARE || op->kind == OP_ACCEPT || op->kind == OP_READ;
    bool told = !history_is_write(op->kind) || op->kind == OP_NOTE || op->kind == OP_PUT;

    op->seq = told ? number(r, "seq") : number_if(r, "seq");
    if (history_is_write(op->kind) && told && op->seq == 0)
        wrong(r, "\"seq\" of an acknowledged write cannot be 0");
    if (op->kind == OP_GET)
        op->value = text(r, "value");
    if (op->kind == OP_READ)
        read_notes(r, op);
    if (r->h->etcd)
        return;
    if (commands)
        op->commander = word(r, "commander");
    if (commands || op->kind == OP_OFFER)
        op->epoch = number(r, "epoch");
    if (op->kind == OP_READ) {
        op->index = number(r, "index");
        op->phase = has(r, "state") ? phase(r, "state") : PHASE_NONE;
    }
}

static void read_operation(struct reader *r)
{
    static const char *const outcomes[] = {"ok", "refused", "unknown"};
    const char *kinds[OP_KINDS];
    struct operation op = {.line = r->line};

    for (int i = 0; i < OP_KINDS; i++)
        kinds[i] = history_op_name((enum op_kind)i);
    op.kind = (enum op_kind)choice(r, "op", kinds, OP_KINDS);
    op.outcome = (enum outcome)choice(r, "outcome", outcomes, 3);
    op.client = word(r, "client");
    op.node = text(r, "node");
    op.call = number(r, "call");
    op.ret = json_is_null(json_object_get(r->o, "return")) ? HISTORY_OPEN : number(r, "return");
    if (op.ret == HISTORY_OPEN && op.outcome != OUTCOME_UNKNOWN)
        wrong(r, "\"return\" is null, but the outcome is known");
    if (op.ret < op.call || op.call < r->h->start)
        wrong(r, "it returns before it is called, or is called before the history's start");
    read_request(r, &op);
    if (op.outcome == OUTCOME_OK)
        read_result(r, &op);
    if (r->failed)
        return;
    struct history *h = r->h;
    h->ops = mem_grow(h->ops, h->n_ops, &h->ops_cap, sizeof op);
    h->ops[h->n_ops++] = op;
    uint64_t last = op.ret != HISTORY_OPEN ? op.ret : op.call;
    if (last > h->end)
        h->end = last;
}

// --- the other lines ----------------------------------------------------------------------------

static enum event_kind event_kind(struct reader *r)
{
    static const char *const words[] = {"", "declared", "note", "commander", "offer", "state"};
    const char *s = history_text(r->h, word(r, "kind"));

    for (int i = 1; i < 6; i++) {
        if (strcmp(words[i], s) == 0)
            return (enum event_kind)i;
    }
    return EVENT_OTHER;
}

static void read_event(struct reader *r, const json_t *o)
{
    const json_t *line = r->o;
    struct event e = {0};

    if (!json_is_object(o)) {
        wrong(r, "an event must be an object");
        return;
    }
    r->o = o;
    e.seq = number(r, "seq");
    e.index = number_if(r, "index");
    e.at = (int64_t)number(r, "at");
    e.incident = text(r, "incident");
    e.request = text_if(r, "request");
    e.kind = event_kind(r);
    if (e.kind == EVENT_STATE)
        e.phase = phase(r, "value");
    else if (e.kind == EVENT_NOTE || e.kind == EVENT_COMMANDER || e.kind == EVENT_OFFER)
        e.value = word(r, "value");
    if (e.kind == EVENT_COMMANDER)
        e.epoch = number(r, "epoch");
    r->o = line;
    if (r->failed)
        return;
    struct history *h = r->h;
    h->events = mem_grow(h->events, h->n_events, &h->events_cap, sizeof e);
    h->events[h->n_events++] = e;
}

static void read_state(struct reader *r, struct final *f)
{
    static const char *const chains[] = {"broken", "valid"};
    const json_t *events = json_object_get(r->o, "events"), *e;
    size_t i;

    f->index = number(r, "index");
    f->digest = word(r, "digest");
    f->chain_valid = choice(r, "chain", chains, 2) == 1;
    if (has(r, "events_file")) {
        f->events_file = word(r, "events_file");
        return;
    }
    if (!json_is_array(events)) {
        wrong(r, "a final state has \"events\", a list, or \"events_file\"");
        return;
    }
    f->events_at = r->h->n_events;
    json_array_foreach(events, i, e) read_event(r, e);
    f->events_n = r->h->n_events - f->events_at;
}

static void read_final(struct reader *r)
{
    struct history *h = r->h;
    struct final f = {.line = r->line, .node = word(r, "final")};

    f.gone = has(r, "gone");
    for (size_t i = 0; i < h->n_finals; i++) {
        if (h->finals[i].node == f.node)
            wrong(r, "a second final state of %s", history_text(h, f.node));
    }
    if (!f.gone)
        read_state(r, &f);
    if (r->failed)
        return;
    h->finals = mem_grow(h->finals, h->n_finals, &h->finals_cap, sizeof f);
    h->finals[h->n_finals++] = f;
}

static void read_observation(struct reader *r)
{
    struct history *h = r->h;
    struct observation o = {.line = r->line, .at = number(r, "observe")};

    o.node = word(r, "node");
    o.term = number(r, "term");
    o.leader = text(r, "leader");
    o.leads = strcmp(history_text(h, word(r, "role")), "leader") == 0;
    o.applied = number(r, "applied");
    o.digest = text(r, "digest");
    h->observations = mem_grow(h->observations, h->n_observations, &h->observations_cap, sizeof o);
    h->observations[h->n_observations++] = o;
}

static void read_head(struct reader *r)
{
    static const char *const systems[] = {"watchfire", "etcd"};
    const json_t *nodes = json_object_get(r->o, "nodes"), *v;
    struct history *h = r->h;
    size_t i;

    if (number(r, "history") != 1)
        wrong(r, "this is no history of version 1");
    h->etcd = choice(r, "system", systems, 2) == 1;
    h->scenario = text(r, "scenario");
    h->seed = number(r, "seed");
    h->start = h->end = number(r, "start");
    if (!json_is_array(nodes))
        wrong(r, "\"nodes\" must be there and be a list");
    json_array_foreach(nodes, i, v)
    {
        h->nodes = mem_grow(h->nodes, h->n_nodes, &h->nodes_cap, sizeof *h->nodes);
        h->nodes[h->n_nodes++] = text_of(r, v, "nodes");
    }
}

static void read_line(struct reader *r)
{
    if (r->line == 1)
        read_head(r);
    else if (has(r, "op"))
        read_operation(r);
    else if (has(r, "final"))
        read_final(r);
    else if (has(r, "observe"))
        read_observation(r);
    else if (has(r, "fault") || has(r, "heal"))
        number(r, "at"), r->h->n_faults++;
    else
        wrong(r, "none of op, final, observe, fault, heal: what is it?");
}

// --- lines --------------------------------------------------------------------------------------

// Call each() with every line's object.
static int each_line(struct reader *r, const char *text, size_t len, void (*each)(struct reader *))
{
    const char *end = text + len;

    while (text < end && !r->failed) {
        const char *nl = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((nl != NULL ? nl : end) - text);
        json_error_t e;
        r->line++;
        json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
        r->o = o;
        if (o == NULL)
            wrong(r, "%s at byte %d", e.text, e.position);
        else if (!json_is_object(o))
            wrong(r, "a line must be one object");
        else
            each(r);
        json_decref(o);
        text += n + (nl != NULL);
    }
    return r->failed ? (int)r->err->code : WF_OK;
}

static void read_event_line(struct reader *r)
{
    read_event(r, r->o);
}

int history_parse_events(struct history *h, struct final *f, const char *file, const char *text,
                         size_t len, struct wf_err *err)
{
    struct reader r = {.h = h, .file = file, .err = err};

    f->events_at = h->n_events;
    int rc = each_line(&r, text, len, read_event_line);
    f->events_n = h->n_events - f->events_at;
    return rc;
}

// --- what only the whole shows ------------------------------------------------------------------

static int by_client(const void *a, const void *b)
{
    const struct operation *x = *(const struct operation *const *)a;
    const struct operation *y = *(const struct operation *const *)b;

    if (x->client != y->client)
        return x->client < y->client ? -1 : 1;
    return x->call != y->call ? (x->call < y->call ? -1 : 1) : (x->line < y->line ? -1 : 1);
}

// One operation at a time, and none after one that may still happen.
static void check_clients(struct reader *r)
{
    struct history *h = r->h;
    const struct operation **ops = mem_zeroed(h->n_ops, sizeof(void *));

    for (size_t i = 0; i < h->n_ops; i++)
        ops[i] = &h->ops[i];
    mem_sort(ops, h->n_ops, sizeof(void *), by_client);
    for (size_t i = 1; i < h->n_ops; i++) {
        const struct operation *a = ops[i - 1], *b = ops[i];
        if (a->client != b->client)
            continue;
        r->line = b->line;
        if (a->outcome == OUTCOME_UNKNOWN)
            wrong(r, "client %s goes on after its unknown operation of line %" PRIu32,
                  history_text(h, b->client), a->line);
        else if (a->ret > b->call)
            wrong(r, "client %s has that of line %" PRIu32 " open still",
                  history_text(h, b->client), a->line);
    }
    free(ops);
}

// What is written, and under which request, is told apart by its text alone.
static void check_unique(struct reader *r, bool requests)
{
    struct history *h = r->h;
    uint32_t *seen = mem_zeroed(h->names.n, sizeof *seen);

    for (size_t i = 0; i < h->n_ops && !r->failed; i++) {
        const struct operation *op = &h->ops[i];
        name_id id = requests ? op->request : op->value;
        if (id == 0 || (!requests && op->kind != OP_NOTE && op->kind != OP_PUT))
            continue;
        r->line = op->line;
        if (seen[id] != 0)
            wrong(r, "%s \"%.40s\" was that of line %" PRIu32 " already",
                  requests ? "request" : "value", history_text(h, id), seen[id]);
        seen[id] = op->line;
    }
    free(seen);
}

int history_parse(struct history *h, const char *file, const char *text, size_t len,
                  struct wf_err *err)
{
    struct reader r = {.h = h, .file = file, .err = err};

    WF_ASSERT(h->n_ops == 0 && h->n_finals == 0);
    if (len == 0)
        return wf_fail(err, WF_INVALID_ARGUMENT, "%s: the file is empty", file);
    if (each_line(&r, text, len, read_line) != WF_OK)
        return (int)err->code;
    if (h->n_ops == 0)
        wrong(&r, "the history ends without an operation: nothing can be checked");
    check_clients(&r);
    check_unique(&r, false);
    check_unique(&r, true);
    return r.failed ? (int)err->code : WF_OK;
}
