// SPDX-License-Identifier: Apache-2.0
// What answers look like, letter by letter.
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config.h"
#include "cli/exit.h"
#include "cli/findings.h"
#include "cli/print.h"
#include "cli/record.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/yaml.h"
#include "proto/time.h"
#include "watchfire/v1/access.pb-c.h"
#include "watchfire/v1/incident.pb-c.h"
#include "watchfire/v1/log.pb-c.h"

static const wf_unix_ms NOW = 1341026280000; // 2012-06-30T03:18:00Z
static struct wf_schema *schema;

struct screen {
    FILE *f;
    char *text;
    size_t len;
};

static void open_screen(struct screen *s)
{
    s->f = open_memstream(&s->text, &s->len);
    assert_non_null(s->f);
}

static void expect(struct screen *s, const char *text)
{
    fclose(s->f);
    assert_string_equal(s->text, text);
    free(s->text);
}

// An incident with a role, as a server sends it.
struct story {
    Watchfire__V1__GetIncidentResponse response;
    Watchfire__V1__Incident incident;
    Watchfire__V1__Actor actor;
    Watchfire__V1__RoleAssignment role, *roles[1];
    Watchfire__V1__RoleOffer offer;
    Google__Protobuf__Timestamp declared, lapses;
    Watchfire__V1__ReadInfo read;
    char *services[2];
};

static void tell(struct story *s)
{
    watchfire__v1__get_incident_response__init(&s->response);
    watchfire__v1__incident__init(&s->incident);
    watchfire__v1__actor__init(&s->actor);
    watchfire__v1__role_assignment__init(&s->role);
    watchfire__v1__role_offer__init(&s->offer);
    watchfire__v1__read_info__init(&s->read);
    wf_timestamp_init(&s->declared, NOW - 180000);
    wf_timestamp_init(&s->lapses, NOW + 600000);
    s->actor.name = (char *)"ricardo";
    s->offer.to = (char *)"blake";
    s->offer.expires_at = &s->lapses;
    s->role.role = WATCHFIRE__V1__INCIDENT_ROLE__INCIDENT_ROLE_COMMANDER;
    s->role.holder = (char *)"ricardo";
    s->role.epoch = 3;
    s->role.since = &s->declared;
    s->role.offer = &s->offer;
    s->roles[0] = &s->role;
    s->services[0] = (char *)"router";
    s->services[1] = (char *)"api";
    s->incident.id = (char *)"INC-42";
    s->incident.title = (char *)"Routing is down";
    s->incident.severity = WATCHFIRE__V1__SEVERITY__SEVERITY_SEV1;
    s->incident.state = WATCHFIRE__V1__INCIDENT_STATE__INCIDENT_STATE_MAJOR;
    s->incident.n_services = 2;
    s->incident.services = s->services;
    s->incident.declared_at = &s->declared;
    s->incident.declared_by = &s->actor;
    s->incident.commander = (char *)"ricardo";
    s->incident.epoch = 3;
    s->incident.n_roles = 1;
    s->incident.roles = s->roles;
    s->response.incident = &s->incident;
}

static struct wf_printer printer_to(struct screen *s, enum wf_print_format format)
{
    open_screen(s);
    return (struct wf_printer){.out = s->f, .format = format, .schema = schema, .now = NOW};
}

static void a_message_is_a_card(void **state)
{
    (void)state;
    struct story t;
    struct screen s;
    struct wf_err err;
    tell(&t);
    t.read.stale = true;
    t.read.age_ms = 1500;
    t.read.node = (char *)"fra-1";
    t.response.read = &t.read;
    struct wf_printer p = printer_to(&s, WF_PRINT_HUMAN);
    assert_int_equal(wf_print(&p, &t.response.base, "incident", &err), WF_OK);
    expect(&s, "ID:                 INC-42\n"
               "Title:              Routing is down\n"
               "Severity:           sev1\n"
               "State:              major\n"
               "Services:           router, api\n"
               "Declared at:        2012-06-30 03:15:00Z (3 min ago)\n"
               "Declared by:        ricardo\n"
               "Commander:          ricardo\n"
               "Epoch:              3\n"
               "Roles:\n"
               "  ROLE  HOLDER   SINCE      EPOCH  OFFERED TO  LAPSES\n"
               "  IC    ricardo  3 min ago      3  blake       in 10 min\n"
               "(stale: as fra-1 had it just now)\n");
}

static void a_list_is_a_table(void **state)
{
    (void)state;
    struct story t;
    struct screen s;
    struct wf_err err;
    tell(&t);
    Watchfire__V1__Incident second = WATCHFIRE__V1__INCIDENT__INIT;
    second.id = (char *)"INC-7";
    second.title = (char *)"Line\nbreak \033[31mred\302\233";
    second.declared_at = &t.declared;
    second.declared_by = &t.actor;
    Watchfire__V1__Incident *list[] = {&t.incident, &second};
    Watchfire__V1__ListIncidentsResponse r = WATCHFIRE__V1__LIST_INCIDENTS_RESPONSE__INIT;
    r.n_incidents = 2;
    r.incidents = list;
    struct wf_printer p = printer_to(&s, WF_PRINT_HUMAN);
    assert_int_equal(wf_print(&p, &r.base, "incidents", &err), WF_OK);
    expect(&s, "ID      STATE  SEVERITY  IC       DECLARED   TITLE\n"
               "INC-42  major  sev1      ricardo  3 min ago  Routing is down\n"
               "INC-7                             3 min ago  Line / break ?[31mred?\n");

    p = printer_to(&s, WF_PRINT_HUMAN);
    wf_print_id(&p, &r.base, "incidents.id");
    expect(&s, "INC-42\nINC-7\n");

    r.n_incidents = 0;
    p = printer_to(&s, WF_PRINT_HUMAN);
    assert_int_equal(wf_print(&p, &r.base, "incidents", &err), WF_OK);
    expect(&s, "none\n");
}

static void an_event_is_shown_as_it_was_announced(void **state)
{
    (void)state;
    struct screen s;
    struct wf_err err;
    Watchfire__V1__NoteAdded note = WATCHFIRE__V1__NOTE_ADDED__INIT;
    Watchfire__V1__Event events[3], *list[] = {&events[0], &events[1], &events[2]};
    for (size_t i = 0; i < 3; i++) {
        watchfire__v1__event__init(&events[i]);
        events[i].seq = i + 1;
    }
    events[0].text = (char *)"Ricardo took IC";
    events[0].announcement = (char *)"@all: IC -> Ricardo";
    events[1].text = (char *)"Ricardo offered IC to Blake";
    note.text = (char *)"disk is full";
    events[2].what_case = WATCHFIRE__V1__EVENT__WHAT_NOTE;
    events[2].note = &note;
    Watchfire__V1__ListEventsResponse r = WATCHFIRE__V1__LIST_EVENTS_RESPONSE__INIT;
    r.n_events = 3;
    r.events = list;
    struct wf_printer p = printer_to(&s, WF_PRINT_HUMAN);
    assert_int_equal(wf_print(&p, &r.base, "events", &err), WF_OK);
    expect(&s, "SEQ  WHAT\n  1  @all: IC -> Ricardo\n  2  Ricardo offered IC to Blake\n"
               "  3  disk is full\n");
}

static void a_hit_shows_all_it_found(void **state)
{
    (void)state;
    struct screen s;
    struct wf_err err;
    Watchfire__V1__Event e = WATCHFIRE__V1__EVENT__INIT;
    Watchfire__V1__SearchHit hit = WATCHFIRE__V1__SEARCH_HIT__INIT, *hits[] = {&hit};
    Watchfire__V1__SearchResponse r = WATCHFIRE__V1__SEARCH_RESPONSE__INIT;
    e.seq = 7;
    hit.event = &e;
    hit.snippet = (char *)"INC-2\nthe [outage]";
    r.n_hits = 1;
    r.hits = hits;
    struct wf_printer p = printer_to(&s, WF_PRINT_HUMAN);
    assert_int_equal(wf_print(&p, &r.base, "hits", &err), WF_OK);
    expect(&s, "SEQ  FOUND\n  7  INC-2 / the [outage]\n");
}

static void a_refusal_is_named(void **state)
{
    (void)state;
    struct screen s;
    struct wf_err err;
    Watchfire__V1__AuditEntry e = WATCHFIRE__V1__AUDIT_ENTRY__INIT, *entries[] = {&e};
    Watchfire__V1__ListAuditResponse r = WATCHFIRE__V1__LIST_AUDIT_RESPONSE__INIT;
    e.code = 16;
    e.count = 2;
    r.n_entries = 1;
    r.entries = entries;
    struct wf_printer p = printer_to(&s, WF_PRINT_HUMAN);
    assert_int_equal(wf_print(&p, &r.base, "entries", &err), WF_OK);
    expect(&s, "CODE             TIMES\nUNAUTHENTICATED      2\n");
}

static void json_and_yaml_say_the_same(void **state)
{
    (void)state;
    struct story t;
    struct screen s;
    struct wf_err err;
    tell(&t);
    t.incident.n_roles = 0;
    struct wf_printer p = printer_to(&s, WF_PRINT_YAML);
    assert_int_equal(wf_print(&p, &t.response.base, "incident", &err), WF_OK);
    expect(&s, "incident:\n"
               "  id: INC-42\n"
               "  title: Routing is down\n"
               "  severity: SEVERITY_SEV1\n"
               "  state: INCIDENT_STATE_MAJOR\n"
               "  services:\n"
               "  - router\n"
               "  - api\n"
               "  declaredAt: \"2012-06-30T03:15:00Z\"\n"
               "  declaredBy:\n"
               "    name: ricardo\n"
               "  commander: ricardo\n"
               "  epoch: \"3\"\n");
    t.incident.n_services = 0;
    t.incident.declared_by = NULL;
    p = printer_to(&s, WF_PRINT_JSON);
    assert_int_equal(wf_print_json_line(&p, &t.response.base, &err), WF_OK);
    expect(&s, "{\"incident\":{\"id\":\"INC-42\",\"title\":\"Routing is down\","
               "\"severity\":\"SEVERITY_SEV1\",\"state\":\"INCIDENT_STATE_MAJOR\","
               "\"declaredAt\":\"2012-06-30T03:15:00Z\",\"commander\":\"ricardo\","
               "\"epoch\":\"3\"}}\n");
}

static void yaml_never_misleads(void **state)
{
    (void)state;
    struct screen s;
    struct wf_err err;
    open_screen(&s);
    const char *json =
        "{\"a\":\"no\",\"b\":\"1e3\",\"c\":\"x: y\",\"d\":[],\"e\":{},\"f\":[{\"g\":1,"
        "\"h\":[true]}],\"i\":\"two\\nlines\",\"j\":\"\",\"k\":\"- x\",\"l\":null}";
    assert_int_equal(wf_yaml_from_json(json, strlen(json), s.f, &err), WF_OK);
    expect(&s, "a: \"no\"\nb: \"1e3\"\nc: \"x: y\"\nd: []\ne: {}\nf:\n- g: 1\n  h:\n  - true\n"
               "i: \"two\\nlines\"\nj: \"\"\nk: \"- x\"\nl: null\n");
    open_screen(&s);
    assert_int_equal(wf_yaml_from_json("{", 1, s.f, &err), WF_INVALID_ARGUMENT);
    expect(&s, "");
}

static void a_table_fits_the_terminal(void **state)
{
    (void)state;
    struct wf_table t;
    struct screen s;
    wf_table_init(&t);
    wf_table_column(&t, "N", true);
    wf_table_column(&t, "EMPTY", false);
    wf_table_column(&t, "TEXT", false);
    static const char *const cells[] = {
        "1", "", "short", "100", "", "\346\227\245\346\234\254 writes far too long a line"};
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
        wf_table_cell(&t, cells[i]);
    open_screen(&s);
    assert_true(wf_table_print(&t, s.f, 1, 30, false));
    expect(&s, "   N  TEXT\n   1  short\n 100  \346\227\245\346\234\254 writes far too long\n"
               "      a line\n");
    // Too little is left beside the others: beneath them.
    open_screen(&s);
    assert_true(wf_table_print(&t, s.f, 1, 25, false));
    expect(&s, "   N\n     TEXT\n   1\n     short\n"
               " 100\n     \346\227\245\346\234\254 writes far too\n     long a line\n");
    wf_table_free(&t);
}

static void wide_characters_keep_the_columns(void **state)
{
    (void)state;
    struct wf_table t;
    struct screen s;
    static const char *const cells[] = {"\346\227\245\346\234\254", "a", "", "blake", "", "b"};
    wf_table_init(&t);
    wf_table_column(&t, "WHO", false);
    wf_table_column(&t, "NOTE", false);
    wf_table_column(&t, "X", false);
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
        wf_table_cell(&t, cells[i]);
    open_screen(&s);
    assert_true(wf_table_print(&t, s.f, 0, 80, false));
    expect(&s, "WHO    NOTE  X\n\346\227\245\346\234\254   a\nblake        b\n");
    wf_table_free(&t);
}

static void templates_are_filled(void **state)
{
    (void)state;
    struct story t;
    struct wf_buf b;
    char *argv[] = {(char *)"watchfire", (char *)"ic", (char *)"who", (char *)"42"};
    struct wf_cli_args a;
    struct wf_err err;
    tell(&t);
    assert_int_equal(wf_cli_args_parse(&a, 4, argv, &err), WF_OK);
    wf_buf_init(&b, 1000);
    wf_text_fill(
        &b, "{INCIDENT}: {role} {group} -> {holder}, {offer.to} {offer.expires_at} {claim.by}!",
        &t.role.base, &a, NOW);
    assert_string_equal(wf_buf_cstr(&b),
                        "INC-42: IC -> ricardo, blake 2012-06-30 03:28:00Z (in 10 min)!");
    wf_buf_free(&b);
    wf_cli_args_free(&a);
}

static void nothing_takes_its_slash_along(void **state)
{
    (void)state;
    struct story t;
    struct wf_buf b;
    tell(&t);
    wf_buf_init(&b, 1000);
    wf_text_fill(&b, "accept {role}/{group}", &t.role.base, NULL, NOW);
    assert_string_equal(wf_buf_cstr(&b), "accept IC");
    wf_buf_free(&b);
    wf_buf_init(&b, 1000);
    t.role.group = (char *)"database";
    wf_text_fill(&b, "accept {role}/{group}", &t.role.base, NULL, NOW);
    assert_string_equal(wf_buf_cstr(&b), "accept IC/database");
    wf_buf_free(&b);
}

static void a_command_in_a_hint_can_be_pasted(void **state)
{
    (void)state;
    struct story t;
    struct wf_buf b;
    tell(&t);
    wf_buf_init(&b, 1000);
    t.role.group = (char *)"Jim's $(database)";
    wf_text_fill_command(&b, "accept {role}/{group} {holder}", &t.role.base, NULL, NOW);
    assert_string_equal(wf_buf_cstr(&b), "accept IC/'Jim'\\''s $(database)' ricardo");
    wf_buf_free(&b);
}

static void times_are_told_as_people_do(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } times[] = {
        {0, "just now"},          {4999, "just now"},          {-30000, "30 s ago"},
        {-180000, "3 min ago"},   {-7199000, "119 min ago"},   {7200000, "in 2 h"},
        {-172799000, "47 h ago"}, {-864000000, "10 days ago"}, {-94608000000, "3 years ago"}};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct wf_buf b;
        wf_buf_init(&b, 100);
        wf_text_relative(&b, NOW + times[i].ms, NOW);
        assert_string_equal(wf_buf_cstr(&b), times[i].text);
        wf_buf_free(&b);
    }
}

static void findings_are_underlined(void **state)
{
    (void)state;
    struct screen s;
    Watchfire__V1__DraftFinding eta = WATCHFIRE__V1__DRAFT_FINDING__INIT, odd = eta;
    const char *draft = "All is well.\nJ\303\274rgen is back by 5pm, we hope.";
    eta.kind = WATCHFIRE__V1__DRAFT_FINDING_KIND__DRAFT_FINDING_KIND_ETA;
    eta.start = (uint32_t)(strstr(draft, "by 5pm") - draft);
    eta.length = 6;
    eta.advice = (char *)"Say when the next update comes.";
    odd.kind = WATCHFIRE__V1__DRAFT_FINDING_KIND__DRAFT_FINDING_KIND_BLAME;
    odd.start = 1000; // not in this draft
    odd.length = 5;
    odd.text = (char *)"their fault";
    odd.advice = (char *)"No.";
    Watchfire__V1__DraftFinding *list[] = {&eta, &odd};
    open_screen(&s);
    wf_findings_print(s.f, draft, list, 2, false);
    expect(&s, "  J\303\274rgen is back by 5pm, we hope.\n"
               "                 ^^^^^^\n"
               "  Say when the next update comes.\n"
               "  \"their fault\"\n"
               "  No.\n");
}

static void exit_codes_tell_scripts_what_happened(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *reason;
        enum wf_exit exit;
    } codes[] = {
        {WF_UNAVAILABLE, "NO_LEADER", WF_EXIT_UNREACHABLE},
        {WF_DEADLINE_EXCEEDED, "", WF_EXIT_UNREACHABLE},
        {WF_NOT_FOUND, "UNKNOWN_INCIDENT", WF_EXIT_NOT_FOUND},
        {WF_PERMISSION_DENIED, "NOT_COMMANDER", WF_EXIT_PERMISSION},
        {WF_UNAUTHENTICATED, "", WF_EXIT_PERMISSION},
        {WF_FAILED_PRECONDITION, "STALE_EPOCH", WF_EXIT_CONFLICT},
        {WF_ALREADY_EXISTS, "", WF_EXIT_CONFLICT},
        {WF_FAILED_PRECONDITION, "DRAFT_FINDINGS", WF_EXIT_FINDINGS},
        {WF_FAILED_PRECONDITION, "ILLEGAL_EDGE", WF_EXIT_REFUSED},
        {WF_INVALID_ARGUMENT, "TOO_LONG", WF_EXIT_REFUSED},
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        assert_int_equal(wf_exit_of_call(codes[i].code, codes[i].reason), codes[i].exit);
    assert_int_equal(wf_exit_of_local(WF_INVALID_ARGUMENT), WF_EXIT_USAGE);
    assert_int_equal(wf_exit_of_local(WF_DATA_LOSS), WF_EXIT_INVALID);
    assert_int_equal(wf_exit_of_local(WF_NOT_FOUND), WF_EXIT_LOCAL);
}

// --- the record ----------------------------------------------------------------------------------

enum { RECORDS = 5 };

static FILE *make_export(char **bytes, size_t *len)
{
    FILE *f = open_memstream(bytes, len);
    struct wf_err err;
    uint8_t head[WF_HASH_SIZE] = {0}, packed[256];
    assert_int_equal(wf_record_write_head(f, &err), WF_OK);
    for (uint64_t seq = 1; seq <= RECORDS; seq++) {
        Watchfire__V1__Event e = WATCHFIRE__V1__EVENT__INIT;
        e.seq = seq;
        e.text = (char *)"something happened";
        size_t n = watchfire__v1__event__pack(&e, packed);
        wf_hash_pair(head, sizeof(head), packed, n, head);
        assert_int_equal(wf_record_write(f, packed, n, head, &err), WF_OK);
    }
    fclose(f);
    return fmemopen(*bytes, *len, "r");
}

static void an_export_verifies_and_every_flipped_bit_is_found(void **state)
{
    (void)state;
    char *bytes;
    size_t len;
    struct wf_record_chain chain;
    struct wf_err err;
    FILE *f = make_export(&bytes, &len);
    assert_int_equal(wf_record_verify_file(f, &chain, NULL, NULL, &err), WF_OK);
    assert_int_equal(chain.seq, RECORDS);
    for (size_t i = 0; i < len * 8; i++) {
        bytes[i / 8] ^= (char)(1 << i % 8);
        rewind(f);
        assert_int_equal(wf_record_verify_file(f, &chain, NULL, NULL, &err), WF_DATA_LOSS);
        bytes[i / 8] ^= (char)(1 << i % 8);
    }
    fclose(f);
    // Cut anywhere but between two records it is found, too.
    size_t whole = 0;
    for (size_t n = 0; n < len; n++) {
        f = n ? fmemopen(bytes, n, "r") : fopen("/dev/null", "r");
        whole += wf_record_verify_file(f, &chain, NULL, NULL, &err) == WF_OK;
        fclose(f);
    }
    assert_int_equal(whole, RECORDS); // after 0 to 4 records; the last seq and the head tell which
    free(bytes);
}

// --- configuration -------------------------------------------------------------------------------

static const char *env_endpoints, *env_config;

static char *fake_getenv(const char *name)
{
    if (strcmp(name, "WATCHFIRE_ENDPOINTS") == 0)
        return (char *)env_endpoints;
    if (strcmp(name, "WATCHFIRE_CONFIG") == 0)
        return (char *)env_config;
    return NULL;
}

static int load(struct wf_cli_config *c, const char *flag, const char *value, struct wf_err *err)
{
    char *argv[] = {(char *)"watchfire", (char *)"whoami", (char *)flag, (char *)value};
    struct wf_cli_args a;
    assert_int_equal(wf_cli_args_parse(&a, flag ? 4 : 2, argv, err), WF_OK);
    int rc = wf_cli_config_load(c, &a, fake_getenv, err);
    wf_cli_args_free(&a);
    return rc;
}

static void flags_go_before_environment_before_file(void **state)
{
    (void)state;
    struct wf_cli_config c;
    struct wf_err err;
    char path[] = "/tmp/wf-config-XXXXXX";
    FILE *f = fdopen(mkstemp(path), "w");
    fputs("endpoints: [\"file:1\"]\nca: ca.pem\ntimeout: 5s\ntoken: wf_x\n", f);
    fclose(f);
    env_config = path;
    assert_int_equal(load(&c, NULL, NULL, &err), WF_OK);
    assert_string_equal(c.endpoints[0], "file:1");
    assert_string_equal(c.ca, "/tmp/ca.pem"); // relative to the file
    assert_int_equal(c.timeout_ms, 5000);
    wf_cli_config_free(&c);
    env_endpoints = "env:1,env:2";
    assert_int_equal(load(&c, NULL, NULL, &err), WF_OK);
    assert_int_equal(c.n_endpoints, 2);
    assert_string_equal(c.endpoints[1], "env:2");
    wf_cli_config_free(&c);
    assert_int_equal(load(&c, "--endpoint", "flag:1", &err), WF_OK);
    assert_int_equal(c.n_endpoints, 1);
    assert_string_equal(c.endpoints[0], "flag:1");
    wf_cli_config_free(&c);
    assert_int_equal(load(&c, "--cert", "only.pem", &err), WF_INVALID_ARGUMENT);
    wf_cli_config_free(&c);
    f = fopen(path, "w");
    fputs("endpints: [\"file:1\"]\n", f);
    fclose(f);
    assert_int_equal(load(&c, NULL, NULL, &err), WF_INVALID_ARGUMENT);
    assert_non_null(strstr(err.msg, path));
    wf_cli_config_free(&c);
    remove(path);
    assert_int_equal(load(&c, NULL, NULL, &err), WF_NOT_FOUND);
    wf_cli_config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_a_card),
        cmocka_unit_test(a_list_is_a_table),
        cmocka_unit_test(an_event_is_shown_as_it_was_announced),
        cmocka_unit_test(a_hit_shows_all_it_found),
        cmocka_unit_test(a_refusal_is_named),
        cmocka_unit_test(json_and_yaml_say_the_same),
        cmocka_unit_test(yaml_never_misleads),
        cmocka_unit_test(a_table_fits_the_terminal),
        cmocka_unit_test(wide_characters_keep_the_columns),
        cmocka_unit_test(templates_are_filled),
        cmocka_unit_test(nothing_takes_its_slash_along),
        cmocka_unit_test(a_command_in_a_hint_can_be_pasted),
        cmocka_unit_test(times_are_told_as_people_do),
        cmocka_unit_test(findings_are_underlined),
        cmocka_unit_test(exit_codes_tell_scripts_what_happened),
        cmocka_unit_test(an_export_verifies_and_every_flipped_bit_is_found),
        cmocka_unit_test(flags_go_before_environment_before_file),
    };
    struct wf_schema_source source = wf_schema_embedded();
    struct wf_err err;
    if (wf_schema_new(&source, &schema, &err) != WF_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    wf_schema_free(schema);
    return failed;
}
