// SPDX-License-Identifier: Apache-2.0
// libwatchfire: a client of a Watchfire cluster.
//
// A client knows several nodes and keeps a connection to one of them. A call that cannot be
// answered there goes to another, again and again until its deadline, but only if that is safe: a
// changing request carries a request_id (the library makes one up when it is empty), and the
// cluster does what one id asks for once. A call that changes something without such an id is
// repeated only when it certainly was not done.
//
// Messages are protobuf-c structs: <watchfire/v1/incident.pb-c.h> and its neighbours; the functions
// of <watchfire/calls.h> call each method by its name. A method is named by its path, such as
// "/watchfire.v1.IncidentService/AddNote".
//
// A client belongs to one thread: the one that runs its loop. Different clients are independent.
#ifndef WATCHFIRE_H
#define WATCHFIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "watchfire/v1/common.pb-c.h"
#include "watchfire/v1/log.pb-c.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WF_CLIENT_API __attribute__((visibility("default")))

struct uv_loop_s; // libuv's uv_loop_t

// --- errors --------------------------------------------------------------------------------------

// What a call ended with: the gRPC status codes.
enum wf_client_code {
    WF_CLIENT_OK = 0,
    WF_CLIENT_CANCELLED = 1,
    WF_CLIENT_UNKNOWN = 2,
    WF_CLIENT_INVALID_ARGUMENT = 3,
    WF_CLIENT_DEADLINE_EXCEEDED = 4,
    WF_CLIENT_NOT_FOUND = 5,
    WF_CLIENT_ALREADY_EXISTS = 6,
    WF_CLIENT_PERMISSION_DENIED = 7,
    WF_CLIENT_RESOURCE_EXHAUSTED = 8,
    WF_CLIENT_FAILED_PRECONDITION = 9,
    WF_CLIENT_ABORTED = 10,
    WF_CLIENT_OUT_OF_RANGE = 11,
    WF_CLIENT_UNIMPLEMENTED = 12,
    WF_CLIENT_INTERNAL = 13,
    WF_CLIENT_UNAVAILABLE = 14,
    WF_CLIENT_DATA_LOSS = 15,
    WF_CLIENT_UNAUTHENTICATED = 16,
};

// Why a call failed. Begin with WF_CLIENT_ERROR_INIT; every call that is given one clears it first;
// wf_client_error_clear() at the end frees the detail.
struct wf_client_error {
    int code;           // enum wf_client_code
    char reason[40];    // "STALE_EPOCH", "DRAFT_FINDINGS", ...; "" when the code says it all
    char message[1024]; // for the person
    char endpoint[264]; // the node that was asked last, or ""
    unsigned tries;     // how often the call was sent, or tried to be
    // The server's detail (field, limit, holder, epoch, findings, leader_address), or NULL.
    Watchfire__V1__ErrorDetail *detail;
};

#define WF_CLIENT_ERROR_INIT                                                                       \
    {                                                                                              \
        0                                                                                          \
    }

WF_CLIENT_API void wf_client_error_clear(struct wf_client_error *err);

// "UNAVAILABLE" and the like.
WF_CLIENT_API const char *wf_client_code_name(int code);

// --- the client ----------------------------------------------------------------------------------

struct wf_client;

// All strings are copied.
struct wf_client_options {
    size_t size;                  // set by wf_client_options_init()
    const char *const *endpoints; // "host:port", at least one, at most 64
    size_t n_endpoints;
    const char *ca_file;   // PEM: the cluster's CA
    const char *cert_file; // PEM: the caller's certificate and key; NULL: none
    const char *key_file;
    const char *token;       // bearer token; NULL: none
    unsigned timeout_ms;     // a call's deadline over all tries unless it brings its own (30000)
    unsigned try_timeout_ms; // a repeatable call is tried elsewhere when unanswered (5000)
    unsigned connect_timeout_ms; // TCP and TLS to one node (3000)
    unsigned backoff_ms;     // first pause after all nodes were tried; doubles, with jitter (50)
    unsigned backoff_max_ms; // and grows to this (2000)
    bool no_leader_hints;    // do not follow a node's word about where the leader is
    // Told of each try that failed and is going to be repeated, for a person to see; may be NULL.
    // Must not call into the library.
    void (*on_retry)(void *ctx, const struct wf_client_error *err);
    void *on_retry_ctx;
};

// Fill in the defaults.
WF_CLIENT_API void wf_client_options_init(struct wf_client_options *o);

// A client on a loop of the caller's, or, with loop NULL, on one of its own, which runs inside the
// synchronous calls only. Nothing is connected yet. Returns WF_CLIENT_OK or a code with *err filled
// (which may be NULL, here and everywhere).
WF_CLIENT_API int wf_client_new(struct wf_client **out, struct uv_loop_s *loop,
                                const struct wf_client_options *options,
                                struct wf_client_error *err);

// Close the connections and free the client. From a callback only if the loop is the caller's.
// Calls and streams still open end with CANCELLED first, inside this function. With a loop of the
// caller's, that loop must run on for a moment, for its handles to close.
WF_CLIENT_API void wf_client_free(struct wf_client *client);

// --- calls ---------------------------------------------------------------------------------------

struct wf_client_call_options {
    unsigned timeout_ms;  // over all tries; 0: the client's; a stream: until its first message
    bool once;            // do not repeat it, whatever happens
    const char *endpoint; // ask this node only, "host:port"; NULL: any. Implies once.
};

// Call a unary method and wait. *response (may be NULL when it is of no interest) is the caller's
// to free with protobuf_c_message_free_unpacked(*response, NULL), or the message's own free
// function. Requires a client on its own loop. options may be NULL.
WF_CLIENT_API int wf_client_call(struct wf_client *client, const char *method,
                                 const ProtobufCMessage *request, ProtobufCMessage **response,
                                 const struct wf_client_call_options *options,
                                 struct wf_client_error *err);

// The same without waiting: done is called once, later, on the loop. response is NULL on failure
// and otherwise belongs to done; err is the library's and is valid inside done only. Returns NULL
// when out of memory. The request is packed before this returns.
struct wf_client_request;
typedef void (*wf_client_done)(void *ctx, ProtobufCMessage *response,
                               const struct wf_client_error *err);
WF_CLIENT_API struct wf_client_request *
wf_client_start(struct wf_client *client, const char *method, const ProtobufCMessage *request,
                const struct wf_client_call_options *options, wf_client_done done, void *ctx);

// Give the call up; done is not called. The cluster may have done what was asked all the same.
WF_CLIENT_API void wf_client_request_cancel(struct wf_client_request *request);

// --- server streams ------------------------------------------------------------------------------

struct wf_client_stream;
struct wf_client_stream_events {
    // A message, which belongs to the callee.
    void (*message)(void *ctx, ProtobufCMessage *message);
    // The stream is over: code WF_CLIENT_OK when the server ended it well. Last callback.
    void (*closed)(void *ctx, const struct wf_client_error *err);
};

// Open a server stream. Until its first message it is tried like a call; after that its end is
// reported, not repaired. Returns NULL when out of memory.
WF_CLIENT_API struct wf_client_stream *
wf_client_stream_open(struct wf_client *client, const char *method, const ProtobufCMessage *request,
                      const struct wf_client_call_options *options,
                      const struct wf_client_stream_events *events, void *ctx);

// Take no more, until resumed: the server is held back.
WF_CLIENT_API void wf_client_stream_pause(struct wf_client_stream *stream);
WF_CLIENT_API void wf_client_stream_resume(struct wf_client_stream *stream);

// Give it up; closed is not called.
WF_CLIENT_API void wf_client_stream_cancel(struct wf_client_stream *stream);

// --- synchronous streams -------------------------------------------------------------------------

// A stream read message by message. Requires a client on its own loop.
struct wf_client_reader;
WF_CLIENT_API int wf_client_read_open(struct wf_client_reader **out, struct wf_client *client,
                                      const char *method, const ProtobufCMessage *request,
                                      const struct wf_client_call_options *options,
                                      struct wf_client_error *err);
// Wait for the next message, the caller's to free. At the end *message is NULL and the result
// WF_CLIENT_OK. wait_ms 0 waits for ever; otherwise DEADLINE_EXCEEDED, and the stream lives on.
WF_CLIENT_API int wf_client_read(struct wf_client_reader *reader, ProtobufCMessage **message,
                                 unsigned wait_ms, struct wf_client_error *err);
WF_CLIENT_API void wf_client_read_close(struct wf_client_reader *reader);

// --- watching ------------------------------------------------------------------------------------

// Events as they happen, each once and in order, over any number of broken connections: a watch
// resumes after the last event it gave out.
struct wf_client_watch_options {
    const char *incident_id; // only this incident's; NULL: all
    uint64_t after_seq;      // events with a greater seq, also those already there
    bool from_now;           // only events from now on; after_seq is ignored
};
struct wf_client_watch_events {
    void (*event)(void *ctx, const Watchfire__V1__Event *event);
    // The connection is gone and is being made anew; for a person to see. May be NULL.
    void (*interrupted)(void *ctx, const struct wf_client_error *err);
    // It cannot go on: refused, or no node answered within the client's timeout. Last callback.
    void (*closed)(void *ctx, const struct wf_client_error *err);
};
struct wf_client_watch;
WF_CLIENT_API struct wf_client_watch *
wf_client_watch_open(struct wf_client *client, const struct wf_client_watch_options *options,
                     const struct wf_client_watch_events *events, void *ctx);
// The last event given out: to go on from in another process.
WF_CLIENT_API uint64_t wf_client_watch_seq(const struct wf_client_watch *watch);
WF_CLIENT_API void wf_client_watch_cancel(struct wf_client_watch *watch);

// Run the client's own loop until wf_client_stop(), or until nothing is left to do.
WF_CLIENT_API void wf_client_run(struct wf_client *client);
WF_CLIENT_API void wf_client_stop(struct wf_client *client);

// The library's version, "0.1.0".
WF_CLIENT_API const char *wf_client_version(void);

#ifdef __cplusplus
}
#endif

#endif
