// SPDX-License-Identifier: Apache-2.0
// The reading methods. Each answer is built in the reader's arena, from one snapshot, and handed
// out as a copy of the default allocator.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "state/draft.h"
#include "state/events.h"
#include "state/incident.h"
#include "state/reader.h"
#include "state/sitrep.h"
#include "state/tokens.h"

enum { TIMELINE_LINES = 20 };

// --- shared checks ------------------------------------------------------------------------------

static int need_page(uint32_t asked, uint32_t *size, struct wf_err *err)
{
    if (asked > WF_PAGE_SIZE_MAX)
        return wf_fail_reason(err, WF_INVALID_ARGUMENT, "OUT_OF_RANGE",
                              "page_size is %u, but must be 0 to %d", asked, WF_PAGE_SIZE_MAX);
    *size = asked != 0 ? asked : WF_PAGE_SIZE_DEFAULT;
    return WF_OK;
}

// The id below which a page begins; INT64_MAX for the first page.
static int need_page_token(const char *token, int64_t *below, struct wf_err *err)
{
    size_t n = strlen(token);

    if (n > 18 || strspn(token, "0123456789") != n)
        return wf_fail_reason(err, WF_INVALID_ARGUMENT, "BAD_PAGE_TOKEN",
                              "page_token is not one that an answer gave");
    *below = n > 0 ? strtoll(token, NULL, 10) : INT64_MAX;
    return WF_OK;
}

static int need_incident(struct wf_state_reader *r, const char *id, uint64_t *number,
                         struct wf_err *err)
{
    *number = wf_incident_number(id);
    if (*number != 0 &&
        wf_db_int(r->db, 0, "SELECT id FROM incidents WHERE id = ?", "i", (int64_t)*number) != 0)
        return WF_OK;
    return wf_fail_reason(err, WF_NOT_FOUND, "UNKNOWN_INCIDENT",
                          "there is no incident \"%s\": list those there are",
                          wf_arena_cut(&r->arena, id, 40));
}

static int get_incident(struct wf_state_reader *r, const char *id, V1(Incident) * *inc,
                        struct wf_err *err)
{
    uint64_t number;
    int rc = need_incident(r, id, &number, err);

    if (rc != WF_OK)
        return rc;
    *inc = wf_incident_read(r->db, &r->arena, number, true);
    return *inc != NULL ? WF_OK : wf_db_fault(r->db, err);
}

// Room for the rows of one answer.
static void *rows(struct wf_state_reader *r, size_t n)
{
    return wf_arena_alloc(&r->arena, n * sizeof(void *));
}

#define ANSWER(type_, init_) type_ *answer = WF_NEW(&r->arena, type_, init_)

// --- incidents ----------------------------------------------------------------------------------

static int query_incident(struct wf_state_reader *r, const V1(GetIncidentRequest) * q,
                          ProtobufCMessage **out, struct wf_err *err)
{
    ANSWER(V1(GetIncidentResponse), watchfire__v1__get_incident_response__init);

    *out = &answer->base;
    return get_incident(r, q->incident_id, &answer->incident, err);
}

static int query_incidents(struct wf_state_reader *r, const V1(ListIncidentsRequest) * req,
                           ProtobufCMessage **out, struct wf_err *err)
{
    ANSWER(V1(ListIncidentsResponse), watchfire__v1__list_incidents_response__init);
    uint32_t size = 0;
    int64_t below = 0, ids[WF_PAGE_SIZE_MAX + 1];
    size_t n = 0;
    int rc = need_page(req->page_size, &size, err);

    if (rc == WF_OK)
        rc = need_page_token(req->page_token, &below, err);
    if (rc != WF_OK)
        return rc;
    sqlite3_stmt *q =
        req->open
            ? wf_db_query(r->db,
                          "SELECT id FROM incidents WHERE state <> 4 AND id < ?"
                          " ORDER BY id DESC LIMIT ?",
                          "ii", below, (int64_t)size + 1)
            : wf_db_query(r->db, "SELECT id FROM incidents WHERE id < ? ORDER BY id DESC LIMIT ?",
                          "ii", below, (int64_t)size + 1);
    while (wf_db_next(r->db, q))
        ids[n++] = sqlite3_column_int64(q, 0);
    if (n > size) {
        n = size;
        answer->next_page_token = wf_arena_printf(&r->arena, "%" PRId64, ids[n - 1]);
    }
    answer->incidents = rows(r, n);
    for (size_t i = 0; i < n; i++) {
        V1(Incident) *inc = wf_incident_read(r->db, &r->arena, (uint64_t)ids[i], true);
        if (inc != NULL)
            answer->incidents[answer->n_incidents++] = inc;
    }
    *out = &answer->base;
    return WF_OK;
}

// --- what belongs to an incident ----------------------------------------------------------------

// Events whose seq the query yields, at most max.
static size_t events_of(struct wf_state_reader *r, sqlite3_stmt *q, V1(Event) * *out, size_t max)
{
    size_t n = 0;

    while (n < max && wf_db_next(r->db, q)) {
        V1(Event) *e = wf_event_read(r->db, &r->arena, (uint64_t)sqlite3_column_int64(q, 0));
        if (e != NULL)
            out[n++] = e;
    }
    wf_db_done(q);
    return n;
}

static int query_sitreps(struct wf_state_reader *r, const V1(ListSitrepsRequest) * req,
                         ProtobufCMessage **out, struct wf_err *err)
{
    ANSWER(V1(ListSitrepsResponse), watchfire__v1__list_sitreps_response__init);
    V1(Event) **events = rows(r, WF_PAGE_SIZE_MAX);
    uint64_t number;
    int rc = need_incident(r, req->incident_id, &number, err);

    if (rc != WF_OK)
        return rc;
    size_t n = events_of(
        r,
        wf_db_query(r->db,
                    "SELECT seq FROM sitreps s WHERE incident = ?1 AND (?2 OR version ="
                    " (SELECT max(version) FROM sitreps WHERE incident = ?1 AND number = s.number))"
                    " ORDER BY number DESC, version DESC",
                    "ii", (int64_t)number, (int64_t)req->all_versions),
        events, WF_PAGE_SIZE_MAX);
    answer->sitreps = rows(r, n);
    for (size_t i = 0; i < n; i++)
        if (events[i]->what_case == WHAT(SITREP))
            answer->sitreps[answer->n_sitreps++] = events[i]->sitrep;
    *out = &answer->base;
    return WF_OK;
}

static size_t status_posts(struct wf_state_reader *r, uint64_t incident, size_t max,
                           V1(StatusPost) * **out)
{
    V1(Event) **events = rows(r, max);
    size_t posts = 0, n = events_of(r,
                                    wf_db_query(r->db,
                                                "SELECT seq FROM status_posts WHERE incident = ?"
                                                " ORDER BY number DESC",
                                                "i", (int64_t)incident),
                                    events, max);

    *out = rows(r, n);
    for (size_t i = 0; i < n; i++)
        if (events[i]->what_case == WHAT(STATUS))
            (*out)[posts++] = events[i]->status;
    return posts;
}

static int query_status(struct wf_state_reader *r, const V1(ListStatusPostsRequest) * req,
                        ProtobufCMessage **out, struct wf_err *err)
{
    ANSWER(V1(ListStatusPostsResponse), watchfire__v1__list_status_posts_response__init);
    uint64_t number;
    int rc = need_incident(r, req->incident_id, &number, err);

    if (rc != WF_OK)
        return rc;
    answer->n_posts = status_posts(r, number, WF_PAGE_SIZE_MAX, &answer->posts);
    *out = &answer->base;
    return WF_OK;
}

// --- the brief ----------------------------------------------------------------------------------

static void brief_tasks(struct wf_state_reader *r, int64_t incident, V1(GetBriefResponse) * b)
{
    b->tasks = rows(r, WF_TASKS_MAX);
    sqlite3_stmt *q = wf_db_query(r->db,
                                  "SELECT number, title, owner, at FROM tasks"
                                  " WHERE incident = ? AND closed = 0 ORDER BY number",
                                  "i", incident);
    while (b->n_tasks < WF_TASKS_MAX && wf_db_next(r->db, q)) {
        V1(Task) *t = WF_NEW(&r->arena, V1(Task), watchfire__v1__task__init);
        t->number = (uint32_t)sqlite3_column_int64(q, 0);
        t->title = wf_arena_text(&r->arena, wf_db_text(q, 1));
        t->owner = wf_arena_text(&r->arena, wf_db_text(q, 2));
        t->at = wf_arena_time(&r->arena, sqlite3_column_int64(q, 3));
        b->tasks[b->n_tasks++] = t;
    }
    wf_db_done(q);
}

static void brief_tickets(struct wf_state_reader *r, int64_t incident, V1(GetBriefResponse) * b)
{
    b->vendor_tickets = rows(r, WF_VENDOR_TICKETS_MAX);
    sqlite3_stmt *q = wf_db_query(r->db,
                                  "SELECT vendor, ticket, state, url, opened_by, at"
                                  " FROM vendor_tickets WHERE incident = ? ORDER BY vendor, ticket",
                                  "i", incident);
    while (b->n_vendor_tickets < WF_VENDOR_TICKETS_MAX && wf_db_next(r->db, q)) {
        V1(VendorTicket) *t =
            WF_NEW(&r->arena, V1(VendorTicket), watchfire__v1__vendor_ticket__init);
        t->vendor = wf_arena_text(&r->arena, wf_db_text(q, 0));
        t->ticket = wf_arena_text(&r->arena, wf_db_text(q, 1));
        t->state = wf_arena_text(&r->arena, wf_db_text(q, 2));
        t->url = wf_arena_text(&r->arena, wf_db_text(q, 3));
        t->by = wf_arena_text(&r->arena, wf_db_text(q, 4));
        t->at = wf_arena_time(&r->arena, sqlite3_column_int64(q, 5));
        b->vendor_tickets[b->n_vendor_tickets++] = t;
    }
    wf_db_done(q);
}

static void brief_links(struct wf_state_reader *r, int64_t incident, V1(GetBriefResponse) * b)
{
    b->links = rows(r, WF_LINKS_MAX);
    sqlite3_stmt *q =
        wf_db_query(r->db, "SELECT url, title, added_by FROM links WHERE incident = ? ORDER BY seq",
                    "i", incident);
    while (b->n_links < WF_LINKS_MAX && wf_db_next(r->db, q)) {
        V1(Link) *l = WF_NEW(&r->arena, V1(Link), watchfire__v1__link__init);
        l->url = wf_arena_text(&r->arena, wf_db_text(q, 0));
        l->title = wf_arena_text(&r->arena, wf_db_text(q, 1));
        l->by = wf_arena_text(&r->arena, wf_db_text(q, 2));
        b->links[b->n_links++] = l;
    }
    wf_db_done(q);
}

static void brief_timeline(struct wf_state_reader *r, int64_t incident, V1(GetBriefResponse) * b)
{
    V1(Event) * events[TIMELINE_LINES + 1]; // one more tells that there are more
    size_t n = events_of(r,
                         wf_db_query(r->db,
                                     "SELECT seq FROM events WHERE incident = ?"
                                     " ORDER BY seq DESC LIMIT 21",
                                     "i", incident),
                         events, TIMELINE_LINES + 1);

    b->timeline_cut = n > TIMELINE_LINES;
    n = b->timeline_cut ? TIMELINE_LINES : n;
    b->timeline = rows(r, n);
    while (n-- > 0) { // oldest first
        V1(TimelineLine) *l =
            WF_NEW(&r->arena, V1(TimelineLine), watchfire__v1__timeline_line__init);
        l->seq = events[n]->seq;
        l->at = events[n]->at;
        l->actor = events[n]->actor != NULL ? events[n]->actor->name : l->actor;
        l->text = (char *)wf_event_line(events[n]);
        b->timeline[b->n_timeline++] = l;
    }
}

static int query_brief(struct wf_state_reader *r, const V1(GetBriefRequest) * req,
                       ProtobufCMessage **out, struct wf_err *err)
{
    ANSWER(V1(GetBriefResponse), watchfire__v1__get_brief_response__init);
    V1(StatusPost) * *posts;
    int rc = get_incident(r, req->incident_id, &answer->incident, err);

    if (rc != WF_OK)
        return rc;
    uint64_t number = wf_incident_number(answer->incident->id);
    answer->sitrep = wf_sitrep_read(r->db, &r->arena, number, 0);
    if (status_posts(r, number, 1, &posts) > 0)
        answer->status = posts[0];
    brief_tasks(r, (int64_t)number, answer);
    brief_tickets(r, (int64_t)number, answer);
    brief_links(r, (int64_t)number, answer);
    brief_timeline(r, (int64_t)number, answer);
    *out = &answer->base;
    return WF_OK;
}

static int query_draft(struct wf_state_reader *r, const V1(CheckDraftRequest) * req,
                       ProtobufCMessage **out, struct wf_err *err)
{
    ANSWER(V1(CheckDraftResponse), watchfire__v1__check_draft_response__init);
    struct wf_draft_finding found[WF_DRAFT_FINDINGS_MAX];
    size_t len = strlen(req->body);

    if (len == 0 || len > WF_BODY_MAX)
        return wf_fail_reason(err, WF_INVALID_ARGUMENT, len == 0 ? "REQUIRED" : "TOO_LONG",
                              "body has %zu bytes, must have 1 to %d", len, WF_BODY_MAX);
    answer->findings = rows(r, WF_DRAFT_FINDINGS_MAX);
    answer->n_findings = wf_draft_check(req->body, found);
    for (size_t i = 0; i < answer->n_findings; i++)
        answer->findings[i] = wf_draft_message(&r->arena, req->body, &found[i]);
    *out = &answer->base;
    return WF_OK;
}

// --- the log ------------------------------------------------------------------------------------

static sqlite3_stmt *select_events(struct wf_db *db, const V1(ListEventsRequest) * req,
                                   uint64_t incident, int64_t limit)
{
    int64_t after = req->after_seq > INT64_MAX ? INT64_MAX : (int64_t)req->after_seq;
    int64_t before = after != 0 ? after : INT64_MAX;

    if (incident != 0 && req->newest_first)
        return wf_db_query(db,
                           "SELECT seq FROM events WHERE incident = ? AND seq < ?"
                           " ORDER BY seq DESC LIMIT ?",
                           "iii", (int64_t)incident, before, limit);
    if (incident != 0)
        return wf_db_query(db,
                           "SELECT seq FROM events WHERE incident = ? AND seq > ?"
                           " ORDER BY seq LIMIT ?",
                           "iii", (int64_t)incident, after, limit);
    if (req->newest_first)
        return wf_db_query(db, "SELECT seq FROM events WHERE seq < ? ORDER BY seq DESC LIMIT ?",
                           "ii", before, limit);
    return wf_db_query(db, "SELECT seq FROM events WHERE seq > ? ORDER BY seq LIMIT ?", "ii", after,
                       limit);
}

static int query_events(struct wf_state_reader *r, const V1(ListEventsRequest) * req,
                        ProtobufCMessage **out, struct wf_err *err)
{
    ANSWER(V1(ListEventsResponse), watchfire__v1__list_events_response__init);
    uint32_t size = 0;
    uint64_t incident = 0;
    int rc = need_page(req->page_size, &size, err);

    if (rc == WF_OK && req->incident_id[0] != '\0')
        rc = need_incident(r, req->incident_id, &incident, err);
    if (rc != WF_OK)
        return rc;
    answer->events = rows(r, size + 1);
    answer->n_events = events_of(r, select_events(r->db, req, incident, (int64_t)size + 1),
                                 answer->events, size + 1);
    if (answer->n_events > size) {
        answer->n_events = size;
        answer->more = true;
    }
    *out = &answer->base;
    return WF_OK;
}

static int query_search(struct wf_state_reader *r, const V1(SearchRequest) * req,
                        ProtobufCMessage **out, struct wf_err *err)
{
    uint32_t size = 0;
    uint64_t incident = 0, indexed = 0;
    int rc = need_page(req->page_size, &size, err);

    if (rc == WF_OK && strlen(req->query) > WF_SEARCH_QUERY_MAX)
        rc = wf_fail_reason(err, WF_INVALID_ARGUMENT, "TOO_LONG", "query has %zu bytes, at most %d",
                            strlen(req->query), WF_SEARCH_QUERY_MAX);
    if (rc == WF_OK && req->incident_id[0] != '\0')
        rc = need_incident(r, req->incident_id, &incident, err);
    if (rc == WF_OK)
        rc = wf_search_open(&r->search, r->dir, err);
    if (rc == WF_OK) // uses the arena up: before anything of the answer is in it
        rc = wf_search_catch_up(&r->search, r->db, &r->arena, &indexed, err);
    if (rc != WF_OK)
        return rc;
    ANSWER(V1(SearchResponse), watchfire__v1__search_response__init);
    const char *expression = wf_search_expression(&r->arena, req->query);
    if (expression == NULL)
        return wf_fail_reason(err, WF_INVALID_ARGUMENT, "REQUIRED",
                              "query has no word to look for");
    answer->indexed_seq = indexed;
    answer->hits = rows(r, size);
    sqlite3_stmt *q = wf_search_find(&r->search, expression, incident, size);
    while (answer->n_hits < size && wf_db_next(&r->search.db, q)) {
        V1(SearchHit) *hit = WF_NEW(&r->arena, V1(SearchHit), watchfire__v1__search_hit__init);
        hit->event = wf_event_read(r->db, &r->arena, (uint64_t)sqlite3_column_int64(q, 0));
        hit->snippet = wf_arena_text(&r->arena, wf_db_text(q, 1));
        if (hit->event != NULL)
            answer->hits[answer->n_hits++] = hit;
    }
    wf_db_done(q);
    *out = &answer->base;
    return wf_db_fault(&r->search.db, err);
}

// --- access -------------------------------------------------------------------------------------

static int query_tokens(struct wf_state_reader *r, const V1(ListTokensRequest) * req,
                        ProtobufCMessage **out, struct wf_err *err)
{
    ANSWER(V1(ListTokensResponse), watchfire__v1__list_tokens_response__init);

    (void)err;
    answer->tokens = rows(r, WF_TOKENS_MAX);
    sqlite3_stmt *q =
        req->owner[0] != '\0'
            ? wf_db_query(r->db, "SELECT " WF_TOKEN_COLUMNS " WHERE t.owner = ? ORDER BY t.id DESC",
                          "s", req->owner)
            : wf_db_query(r->db, "SELECT " WF_TOKEN_COLUMNS " ORDER BY t.id DESC", "");
    while (answer->n_tokens < WF_TOKENS_MAX && wf_db_next(r->db, q))
        answer->tokens[answer->n_tokens++] = wf_token_row(&r->arena, q);
    wf_db_done(q);
    *out = &answer->base;
    return WF_OK;
}

static int query_users(struct wf_state_reader *r, const V1(ListUsersRequest) * req,
                       ProtobufCMessage **out, struct wf_err *err)
{
    ANSWER(V1(ListUsersResponse), watchfire__v1__list_users_response__init);

    (void)req;
    (void)err;
    answer->users = rows(r, WF_USERS_MAX);
    sqlite3_stmt *q =
        wf_db_query(r->db, "SELECT name, kind, role, display_name FROM users ORDER BY name", "");
    while (answer->n_users < WF_USERS_MAX && wf_db_next(r->db, q)) {
        V1(User) *u = WF_NEW(&r->arena, V1(User), watchfire__v1__user__init);
        u->name = wf_arena_text(&r->arena, wf_db_text(q, 0));
        u->kind = (V1(ActorKind))sqlite3_column_int(q, 1);
        u->role = (V1(Role))sqlite3_column_int(q, 2);
        u->display_name = wf_arena_text(&r->arena, wf_db_text(q, 3));
        answer->users[answer->n_users++] = u;
    }
    wf_db_done(q);
    *out = &answer->base;
    return WF_OK;
}

static V1(AuditEntry) * audit_row(struct wf_arena *a, sqlite3_stmt *q)
{
    V1(AuditEntry) *e = WF_NEW(a, V1(AuditEntry), watchfire__v1__audit_entry__init);

    e->actor = WF_NEW(a, V1(Actor), watchfire__v1__actor__init);
    e->at = wf_arena_time(a, sqlite3_column_int64(q, 1));
    e->actor->name = wf_arena_text(a, wf_db_text(q, 2));
    e->actor->kind = (V1(ActorKind))sqlite3_column_int(q, 3);
    e->actor->role = (V1(Role))sqlite3_column_int(q, 4);
    e->method = wf_arena_text(a, wf_db_text(q, 5));
    e->target = wf_arena_text(a, wf_db_text(q, 6));
    e->code = (uint32_t)sqlite3_column_int64(q, 7);
    e->message = wf_arena_text(a, wf_db_text(q, 8));
    e->node = wf_arena_text(a, wf_db_text(q, 9));
    e->count = (uint32_t)sqlite3_column_int64(q, 10);
    e->seq = (uint64_t)sqlite3_column_int64(q, 11);
    return e;
}

static int query_audit(struct wf_state_reader *r, const V1(ListAuditRequest) * req,
                       ProtobufCMessage **out, struct wf_err *err)
{
    ANSWER(V1(ListAuditResponse), watchfire__v1__list_audit_response__init);
    uint32_t size = 0;
    int64_t below = 0, last = 0;
    int rc = need_page(req->page_size, &size, err);

    if (rc == WF_OK)
        rc = need_page_token(req->page_token, &below, err);
    if (rc != WF_OK)
        return rc;
    answer->entries = rows(r, size);
    sqlite3_stmt *q = wf_db_query(
        r->db,
        "SELECT id, at, actor, kind, role, method, target, code, message, node, count, seq"
        " FROM audit WHERE id < ?1 AND (?2 = '' OR actor = ?2) AND (NOT ?3 OR code <> 0)"
        " ORDER BY id DESC LIMIT ?4",
        "isii", below, req->actor, (int64_t)req->refusals_only, (int64_t)size + 1);
    while (wf_db_next(r->db, q)) {
        if (answer->n_entries == size) {
            answer->next_page_token = wf_arena_printf(&r->arena, "%" PRId64, last);
            continue;
        }
        last = sqlite3_column_int64(q, 0);
        answer->entries[answer->n_entries++] = audit_row(&r->arena, q);
    }
    *out = &answer->base;
    return WF_OK;
}

// --- dispatch -----------------------------------------------------------------------------------

// Request descriptor, query and type of the request.
#define QUERIES(X)                                                                                 \
    X(get_incident_request, query_incident, V1(GetIncidentRequest))                                \
    X(list_incidents_request, query_incidents, V1(ListIncidentsRequest))                           \
    X(get_brief_request, query_brief, V1(GetBriefRequest))                                         \
    X(list_sitreps_request, query_sitreps, V1(ListSitrepsRequest))                                 \
    X(list_status_posts_request, query_status, V1(ListStatusPostsRequest))                         \
    X(check_draft_request, query_draft, V1(CheckDraftRequest))                                     \
    X(list_events_request, query_events, V1(ListEventsRequest))                                    \
    X(search_request, query_search, V1(SearchRequest))                                             \
    X(list_tokens_request, query_tokens, V1(ListTokensRequest))                                    \
    X(list_users_request, query_users, V1(ListUsersRequest))                                       \
    X(list_audit_request, query_audit, V1(ListAuditRequest))

static int answer_request(struct wf_state_reader *r, const ProtobufCMessage *request,
                          ProtobufCMessage **out, struct wf_err *err)
{
#define QUERY(name_, query_, type_)                                                                \
    if (request->descriptor == &watchfire__v1__##name_##__descriptor)                              \
        return query_(r, (const type_ *)request, out, err);
    QUERIES(QUERY)
    return wf_fail(err, WF_UNIMPLEMENTED, "%s is no read of the state",
                   request->descriptor->short_name);
}

// A copy of the default allocator, through the wire format.
static int hand_out(const ProtobufCMessage *built, ProtobufCMessage **out, struct wf_err *err)
{
    size_t len = protobuf_c_message_get_packed_size(built);
    uint8_t *bytes = malloc(len > 0 ? len : 1);

    *out = NULL;
    if (bytes != NULL) {
        protobuf_c_message_pack(built, bytes);
        *out = protobuf_c_message_unpack(built->descriptor, NULL, len, bytes);
        free(bytes);
    }
    return *out != NULL ? WF_OK
                        : wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory answering a query");
}

int wf_state_query(struct wf_state_reader *r, const ProtobufCMessage *request,
                   ProtobufCMessage **response, struct wf_err *err)
{
    ProtobufCMessage *built = NULL;

    WF_ASSERT(request != NULL && response != NULL);
    wf_arena_reset(&r->arena);
    bool begun = sqlite3_get_autocommit(r->db->conn) != 0; // else the reader is pinned
    if (begun)
        wf_db_run(r->db, "BEGIN", "");
    int rc = answer_request(r, request, &built, err);
    if (begun)
        wf_db_run(r->db, "COMMIT", "");
    if (r->db->broken && !sqlite3_get_autocommit(r->db->conn))
        sqlite3_exec(r->db->conn, "ROLLBACK", NULL, NULL, NULL);
    rc = wf_reader_finish(r, rc, err);
    if (r->search.open && r->search.db.broken)
        wf_search_recover(&r->search, r->dir);
    return rc == WF_OK ? hand_out(built, response, err) : rc;
}
