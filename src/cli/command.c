// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"

#include <string.h>

#include "base/assert.h"
#include "cli/command_params.h"
#include "watchfire/v1/access.pb-c.h"
#include "watchfire/v1/cluster.pb-c.h"
#include "watchfire/v1/incident.pb-c.h"
#include "watchfire/v1/log.pb-c.h"

static const struct wf_cli_command *const LISTS[] = {wf_cli_incident_commands, wf_cli_role_commands,
                                                     wf_cli_writing_commands,
                                                     wf_cli_record_commands, wf_cli_admin_commands};
enum { LIST_COUNT = sizeof(LISTS) / sizeof(LISTS[0]) };

static const struct noun {
    const char *name, *alias, *summary;
} NOUNS[] = {
    {"incident", "inc", "Declare incidents and decide on their state"},
    {"ic", NULL, "The command of an incident: offer, accept, claim"},
    {"role", NULL, "The other roles of an incident"},
    {"sitrep", "sr", "Situation reports"},
    {"status", "st", "What the customers are told"},
    {"note", NULL, "Notes"},
    {"link", NULL, "Links"},
    {"vendor", NULL, "Tickets with vendors"},
    {"impact", NULL, "The impact on customers"},
    {"task", NULL, "Tasks"},
    {"log", NULL, "The record: show, search, verify, export, correct"},
    {"cluster", "cl", "The cluster and its members"},
    {"token", NULL, "Bearer tokens"},
    {"user", NULL, "Users, services and their roles"},
};

const struct wf_cli_param wf_cli_global_flags[] = {
    FLAG("json", 'j', NULL, BOOL, "print the answer as JSON"),
    FLAG("yaml", 0, NULL, BOOL, "print the answer as YAML"),
    FLAG("quiet", 'q', NULL, BOOL, "print only the id"),
    FLAG("yes", 'y', NULL, BOOL, "do not ask before destroying something"),
    FLAG("endpoint", 'e', NULL, LIST, "host:port of a node; may be repeated"),
    FLAG("token", 0, NULL, STRING, "bearer token; @FILE reads it from a file"),
    FLAG("ca", 0, NULL, STRING, "the cluster's CA certificate"),
    FLAG("cert", 0, NULL, STRING, "your certificate"),
    FLAG("key", 0, NULL, STRING, "its key"),
    FLAG("timeout", 0, NULL, SECONDS, "give up after this, all tries together (30s)"),
    FLAG("config", 0, NULL, STRING, "configuration file (~/.config/watchfire/config.yaml)"),
    FLAG("request-id", 0, NULL, STRING, "repeat a call: the same id is done once"),
    FLAG("help", 'h', NULL, BOOL, "explain the command"),
    {0},
};

const struct wf_cli_command *wf_cli_command_at(size_t i)
{
    for (int l = 0; l < LIST_COUNT; l++)
        for (const struct wf_cli_command *c = LISTS[l]; c->noun; c++)
            if (i-- == 0)
                return c;
    return NULL;
}

static const struct noun *find_noun(const char *name)
{
    for (size_t i = 0; i < sizeof(NOUNS) / sizeof(NOUNS[0]); i++)
        if (strcmp(NOUNS[i].name, name) == 0 || (NOUNS[i].alias && !strcmp(NOUNS[i].alias, name)))
            return &NOUNS[i];
    return NULL;
}

const char *wf_cli_noun_summary(const char *noun)
{
    const struct noun *n = find_noun(noun);
    return n ? n->summary : NULL;
}

const char *wf_cli_noun_alias(const char *noun)
{
    const struct noun *n = find_noun(noun);
    return n ? n->alias : NULL;
}

static bool has_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = words; p && *p;) {
        size_t len = strcspn(p, " ");
        if (len == n && memcmp(p, word, n) == 0)
            return true;
        p += len + strspn(p + len, " ");
    }
    return false;
}

static bool verb_is(const struct wf_cli_command *c, const char *verb)
{
    if (!c->verb || !verb)
        return !c->verb && !verb;
    return strcmp(c->verb, verb) == 0 || has_word(c->alias, verb);
}

const struct wf_cli_command *wf_cli_command_find(const char *noun, const char *verb,
                                                 bool *noun_known)
{
    const struct noun *n = find_noun(noun);
    const char *name = n ? n->name : noun;
    bool known = false;
    const struct wf_cli_command *c, *found = NULL;
    for (size_t i = 0; !found && (c = wf_cli_command_at(i)); i++) {
        if (strcmp(c->noun, name) != 0)
            continue;
        known = true;
        if (verb_is(c, verb))
            found = c;
    }
    if (noun_known)
        *noun_known = known;
    return found;
}

static const ProtobufCMethodDescriptor *method_of(const struct wf_cli_command *command)
{
    static const ProtobufCServiceDescriptor *const SERVICES[] = {
        &watchfire__v1__incident_service__descriptor, &watchfire__v1__log_service__descriptor,
        &watchfire__v1__cluster_service__descriptor, &watchfire__v1__access_service__descriptor};
    WF_ASSERT(command->service && command->method);
    for (size_t i = 0; i < sizeof(SERVICES) / sizeof(SERVICES[0]); i++)
        if (strcmp(SERVICES[i]->name, command->service) == 0) {
            const ProtobufCMethodDescriptor *m =
                protobuf_c_service_descriptor_get_method_by_name(SERVICES[i], command->method);
            WF_ASSERT(m);
            return m;
        }
    WF_UNREACHABLE();
}

const ProtobufCMessageDescriptor *wf_cli_request_type(const struct wf_cli_command *command)
{
    return method_of(command)->input;
}

const ProtobufCMessageDescriptor *wf_cli_response_type(const struct wf_cli_command *command)
{
    return method_of(command)->output;
}
