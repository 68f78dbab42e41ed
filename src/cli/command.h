// SPDX-License-Identifier: Apache-2.0
// The command line as data: nouns, verbs, their parameters, the call they make, the way their
// answer is shown. Help, completion, parsing and requests all come from this one table.
//
// Constant; any thread.
#ifndef WF_CLI_COMMAND_H
#define WF_CLI_COMMAND_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct wf_cli;

enum wf_cli_kind {
    WF_PARAM_STRING,
    WF_PARAM_INCIDENT, // "INC-42", "inc-42" or "42"
    WF_PARAM_TEXT,     // the rest of the line, or --file FILE, or "-" for standard input
    WF_PARAM_ENUM,     // a value of the field's enum, as people write it
    WF_PARAM_NUMBER,
    WF_PARAM_SECONDS, // "90s", "10m", "8h", "30d"; a bare number is seconds
    WF_PARAM_MINUTES, // likewise; a bare number is minutes
    WF_PARAM_BOOL,    // a flag without value
    WF_PARAM_LIST,    // may be given several times, or with commas
    WF_PARAM_ROLE,    // "ic", "ops", "ops/GROUP", "comms", "scribe", "liaison"
    WF_PARAM_REST,    // every further word, for commands of their own
};

struct wf_cli_param {
    const char *name;  // "INCIDENT"; for a flag "severity", given as --severity
    const char *field; // where it goes in the request, dotted; NULL: the command reads it itself
    const char *help;
    enum wf_cli_kind kind;
    char letter; // a flag's short form, or 0
    bool flag;
    bool required;
    const char *values; // "a, b": those of the field's enum that it takes; NULL: all
};

// A field of the request that the command sets by itself.
struct wf_cli_preset {
    const char *field, *value;
};

enum wf_cli_trait {
    WF_CLI_CONFIRM = 1, // destroys something: asks first, unless -y
    WF_CLI_STREAM = 2,
};

struct wf_cli_command {
    const char *noun, *verb;             // verb NULL: the noun stands alone ("whoami")
    const char *alias;                   // other verbs for the same, space-separated, or NULL
    const char *summary;                 // one line, no full stop
    const char *service, *method;        // the call; NULL: none, or run() makes its own
    const struct wf_cli_param *params;   // ends with a NULL name; positional ones in order
    const struct wf_cli_preset *presets; // ends with a NULL field; may be NULL
    const char *view;                    // the answer's field that is shown, or NULL: all of it
    const char *id;                      // the answer's field that -q prints, dotted
    const char *done; // the success line, with {answer.field} and {PARAMETER}; NULL: show the view
    const char *next; // commands that may come next, a line each, likewise; NULL: none
    const char *warning; // what -y agrees to
    unsigned traits;
    int (*run)(struct wf_cli *cli); // NULL: call, then show; returns an exit code
};

// The i-th command, or NULL past the end: ordered as help shows them.
const struct wf_cli_command *wf_cli_command_at(size_t i);

// The command of noun and verb, aliases included. verb NULL finds a noun that stands alone.
// *noun_known (may be NULL) tells whether the noun exists at all.
const struct wf_cli_command *wf_cli_command_find(const char *noun, const char *verb,
                                                 bool *noun_known);

// What is said about a noun, and its short form; NULL if there is none.
const char *wf_cli_noun_summary(const char *noun);
const char *wf_cli_noun_alias(const char *noun);

// Flags that every command takes.
extern const struct wf_cli_param wf_cli_global_flags[];

// Request and response type of a command's call.
const ProtobufCMessageDescriptor *wf_cli_request_type(const struct wf_cli_command *command);
const ProtobufCMessageDescriptor *wf_cli_response_type(const struct wf_cli_command *command);

// The five lists the table is made of.
extern const struct wf_cli_command wf_cli_incident_commands[], wf_cli_role_commands[],
    wf_cli_writing_commands[], wf_cli_record_commands[], wf_cli_admin_commands[];

#endif
