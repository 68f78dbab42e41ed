// SPDX-License-Identifier: Apache-2.0
// An incident from a C program: declare it, write to it, and follow it, with libwatchfire.
//
//   cc incident.c $(pkg-config --cflags --libs watchfire) -o incident
//   ./incident ca.pem user.pem user.key HOST:PORT [HOST:PORT...]
#include <stdio.h>
#include <stdlib.h>

#include <watchfire.h>
#include <watchfire/calls.h>

// What is seen of the incident, until its third event has come.
struct follow {
    struct wf_client *client;
    struct wf_client_watch *watch;
    int seen;
};

static void on_event(void *ctx, const Watchfire__V1__Event *event)
{
    struct follow *f = ctx;
    const char *said = event->announcement[0] ? event->announcement : event->text;
    if (event->what_case == WATCHFIRE__V1__EVENT__WHAT_NOTE)
        said = event->note->text;
    printf("event %llu: %s\n", (unsigned long long)event->seq, said);
    if (++f->seen == 3) {
        wf_client_watch_cancel(f->watch);
        wf_client_stop(f->client);
    }
}

static void on_closed(void *ctx, const struct wf_client_error *err)
{
    struct follow *f = ctx;
    fprintf(stderr, "the watch is over: %s\n", err->message);
    wf_client_stop(f->client);
}

static void fail(const char *what, const struct wf_client_error *err)
{
    fprintf(stderr, "%s: %s (%s, asked %u times)\n", what, err->message,
            err->reason[0] ? err->reason : wf_client_code_name(err->code), err->tries);
    exit(1);
}

int main(int argc, char *argv[])
{
    if (argc < 5) {
        fprintf(stderr, "usage: %s CA CERT KEY HOST:PORT...\n", argv[0]);
        return 2;
    }
    struct wf_client_options options;
    wf_client_options_init(&options);
    options.ca_file = argv[1];
    options.cert_file = argv[2];
    options.key_file = argv[3];
    options.endpoints = (const char *const *)argv + 4;
    options.n_endpoints = (size_t)argc - 4;

    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    struct wf_client *client;
    if (wf_client_new(&client, NULL, &options, &err) != WF_CLIENT_OK)
        fail("cannot make a client", &err);

    // A request without a request_id gets one from the library: however often it has to be sent, it
    // is done once.
    Watchfire__V1__DeclareIncidentRequest declare = WATCHFIRE__V1__DECLARE_INCIDENT_REQUEST__INIT;
    Watchfire__V1__DeclareIncidentResponse *declared;
    declare.title = (char *)"An example of libwatchfire";
    declare.severity = WATCHFIRE__V1__SEVERITY__SEVERITY_SEV4;
    if (wf_declare_incident(client, &declare, &declared, &err) != WF_CLIENT_OK)
        fail("cannot declare an incident", &err);
    printf("declared %s, commander %s\n", declared->incident->id, declared->incident->commander);

    Watchfire__V1__AddNoteRequest note = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;
    Watchfire__V1__AddNoteResponse *noted;
    note.incident_id = declared->incident->id;
    note.text = (char *)"Nothing is broken.";
    if (wf_add_note(client, &note, &noted, &err) != WF_CLIENT_OK)
        fail("cannot add a note", &err);
    printf("noted as event %llu\n", (unsigned long long)noted->seq);
    watchfire__v1__add_note_response__free_unpacked(noted, NULL);

    // Follow it from its beginning. A watch goes on over broken connections by itself.
    struct follow follow = {.client = client};
    struct wf_client_watch_events events = {.event = on_event, .closed = on_closed};
    struct wf_client_watch_options from = {.incident_id = declared->incident->id};
    follow.watch = wf_client_watch_open(client, &from, &events, &follow);
    if (follow.watch)
        wf_client_run(client);
    watchfire__v1__declare_incident_response__free_unpacked(declared, NULL);
    wf_client_free(client);
    return follow.seen == 3 ? 0 : 1;
}
