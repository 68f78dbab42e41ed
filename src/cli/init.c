// SPDX-License-Identifier: Apache-2.0
// watchfire init: everything a new cluster needs on disk, and later additions to it.
//
//   DIR/cluster.yaml               name, id and endpoints, for later additions
//   DIR/ca/ca.pem, ca.key          the key stays on the machine of whoever runs this
//   DIR/nodes/NAME/                watchfired.yaml, ca.pem, node.pem, node.key: copy it to the node
//   DIR/users/NAME/                config.yaml, ca.pem, user.pem, user.key: give it to the person
//   DIR/services/NAME/             likewise, for a program
//
// Paths inside the files are relative, so that a directory works wherever it is put.
#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/assert.h"
#include "base/hash.h"
#include "cli/cli.h"
#include "cli/cluster_file.h"
#include "cli/files.h"
#include "cli/pki.h"
#include "cli/runs.h"
#include "cli/text.h"

enum { CA_DAYS = 3650, LEAF_DAYS = 365, DAYS_MAX = 36500, PATH_SIZE = 4096, FILE_MAX = 256 * 1024 };

struct init {
    struct wf_cli *cli;
    const char *dir;
    struct wf_pki_pair ca;
    struct wf_cluster_file cluster;
    int days;
    bool force, fresh;
    struct wf_err *err;
};

// --- names and addresses -------------------------------------------------------------------------

static int check_name(const char *what, const char *name, struct wf_err *err)
{
    size_t n = strlen(name);
    if (n >= 1 && n <= WF_NODE_NAME_MAX &&
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == n && strcmp(name, ".") != 0 &&
        strcmp(name, "..") != 0)
        return WF_OK;
    return wf_fail(err, WF_INVALID_ARGUMENT,
                   "\"%s\" is no name for a %s: 1 to %d lower-case letters, "
                   "digits, \"-\", \"_\" or \".\"",
                   name, what, WF_NODE_NAME_MAX);
}

// "HOST:PORT" or "[V6]:PORT"; host (may be NULL) gets the host without brackets.
static int split_address(const char *address, char host[WF_ADDRESS_MAX + 1], struct wf_err *err)
{
    if (!wf_address_ok(address, 1) || strpbrk(address, "\"'\\#,{}"))
        return wf_fail(err, WF_INVALID_ARGUMENT, "\"%s\" is no address HOST:PORT", address);
    bool bracketed = address[0] == '[';
    int len = (int)(strrchr(address, ':') - address);
    snprintf(host, WF_ADDRESS_MAX + 1, "%.*s", bracketed ? len - 2 : len, address + bracketed);
    return WF_OK;
}

// "NAME@REGION=HOST:PORT" into a member.
static int parse_node(const char *text, struct wf_cluster_member *m, struct wf_err *err)
{
    const char *at = strchr(text, '@'), *equals = at ? strchr(at, '=') : NULL;
    char host[WF_ADDRESS_MAX + 1];
    if (!equals || equals - at > WF_NODE_NAME_MAX + 1 || at - text > WF_NODE_NAME_MAX)
        return wf_fail(err, WF_INVALID_ARGUMENT, "\"%s\" is not NAME@REGION=HOST:PORT", text);
    snprintf(m->name, sizeof(m->name), "%.*s", (int)(at - text), text);
    snprintf(m->region, sizeof(m->region), "%.*s", (int)(equals - at - 1), at + 1);
    int rc = split_address(equals + 1, host, err);
    if (rc == WF_OK)
        rc = check_name("node", m->name, err);
    if (rc == WF_OK)
        rc = check_name("region", m->region, err);
    if (rc == WF_OK)
        snprintf(m->address, sizeof(m->address), "%s", equals + 1);
    return rc;
}

// --- files ---------------------------------------------------------------------------------------

static int put_file(struct init *in, const char *sub, const char *name, const struct wf_buf *data,
                    mode_t mode)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", in->dir, sub);
    int rc = wf_file_mkdirs(path, 0700, in->err);
    if (rc != WF_OK)
        return rc;
    if (data->failed)
        return wf_fail(in->err, WF_RESOURCE_EXHAUSTED, "out of memory");
    snprintf(path, sizeof(path), "%s/%s%s%s", in->dir, sub, sub[0] ? "/" : "", name);
    return wf_file_write(path, data->data, data->len, mode, in->force, in->err);
}

static int put_cert(struct init *in, const char *sub, const char *name, const X509 *cert)
{
    struct wf_buf pem;
    wf_buf_init(&pem, FILE_MAX);
    int rc = wf_pki_cert_pem(cert, &pem, in->err);
    if (rc == WF_OK)
        rc = put_file(in, sub, name, &pem, 0644);
    wf_buf_free(&pem);
    return rc;
}

static int put_key(struct init *in, const char *sub, const char *name, EVP_PKEY *key)
{
    struct wf_buf pem;
    wf_buf_init(&pem, FILE_MAX);
    int rc = wf_pki_key_pem(key, &pem, in->err);
    if (rc == WF_OK)
        rc = put_file(in, sub, name, &pem, 0600);
    if (pem.data)
        OPENSSL_cleanse(pem.data, pem.len);
    wf_buf_free(&pem);
    return rc;
}

// A certificate of that kind with its key and the CA: "user.pem", "user.key", "ca.pem".
static int put_identity(struct init *in, const char *sub, enum wf_identity_kind kind,
                        const char *name, const char *host)
{
    static const char *const words[] = {
        [WF_ID_NODE] = "node", [WF_ID_USER] = "user", [WF_ID_SERVICE] = "service"};
    struct wf_identity id = {.kind = kind};
    snprintf(id.cluster, sizeof(id.cluster), "%s", in->cluster.name);
    snprintf(id.name, sizeof(id.name), "%s", name);
    char cert[32], key[32];
    snprintf(cert, sizeof(cert), "%s.pem", words[kind]);
    snprintf(key, sizeof(key), "%s.key", words[kind]);
    struct wf_pki_pair leaf;
    int rc = wf_pki_issue(&in->ca, &id, host, in->days, &leaf, in->err);
    if (rc != WF_OK)
        return rc;
    rc = put_key(in, sub, key, leaf.key);
    if (rc == WF_OK)
        rc = put_cert(in, sub, cert, leaf.cert);
    if (rc == WF_OK)
        rc = put_cert(in, sub, "ca.pem", in->ca.cert);
    wf_pki_pair_free(&leaf);
    return rc;
}

// --- nodes ---------------------------------------------------------------------------------------

static void put_members(struct wf_buf *b, const struct init *in)
{
    wf_buf_puts(b, "bootstrap:\n  members:\n");
    for (unsigned i = 0; i < in->cluster.n_members; i++) {
        const struct wf_cluster_member *m = &in->cluster.members[i];
        wf_buf_printf(b, "    - {name: \"%s\", region: \"%s\", address: \"%s\"}\n", m->name,
                      m->region, m->address);
    }
    wf_buf_puts(b, "  admins: [");
    const char *admin;
    for (size_t i = 0; (admin = wf_cli_args_at(&in->cli->args, "admin", i)); i++)
        wf_buf_printf(b, "%s\"%s\"", i ? ", " : "", admin);
    wf_buf_puts(b, "]\n");
}

// A later node finds the others, and is added with `watchfire cluster add` first.
static void put_join(struct wf_buf *b, const struct init *in, const char *self)
{
    wf_buf_puts(b, "join:\n  endpoints: [");
    const char *gap = "";
    for (unsigned i = 0; i < in->cluster.n_members; i++) {
        if (strcmp(in->cluster.members[i].name, self) == 0)
            continue;
        wf_buf_printf(b, "%s\"%s\"", gap, in->cluster.members[i].address);
        gap = ", ";
    }
    wf_buf_puts(b, "]\n");
}

static int make_node(struct init *in, const struct wf_cluster_member *m)
{
    char sub[PATH_SIZE], host[WF_ADDRESS_MAX + 1];
    snprintf(sub, sizeof(sub), "nodes/%s", m->name);
    int rc = split_address(m->address, host, in->err);
    if (rc == WF_OK)
        rc = put_identity(in, sub, WF_ID_NODE, m->name, host);
    if (rc != WF_OK)
        return rc;
    struct wf_buf b;
    wf_buf_init(&b, FILE_MAX);
    wf_buf_printf(&b,
                  "# Made by `watchfire init`; docs/configuration.md explains every key.\n"
                  "cluster: {name: \"%s\", id: \"%s\"}\n"
                  "node: {name: \"%s\", region: \"%s\"}\n"
                  "listen: \"%s\"\nadvertise: \"%s\"\ndata_dir: data\n"
                  "tls: {ca: ca.pem, cert: node.pem, key: node.key}\n",
                  in->cluster.name, in->cluster.id, m->name, m->region, m->address, m->address);
    if (in->fresh)
        put_members(&b, in);
    else
        put_join(&b, in, m->name);
    wf_buf_puts(&b, "log: {level: info, format: logfmt}\n");
    rc = put_file(in, sub, "watchfired.yaml", &b, 0644);
    wf_buf_free(&b);
    return rc;
}

// --- users and services --------------------------------------------------------------------------

static int make_caller(struct init *in, enum wf_identity_kind kind, const char *name)
{
    const char *word = kind == WF_ID_USER ? "user" : "service";
    char sub[PATH_SIZE];
    int rc = check_name(word, name, in->err);
    if (rc != WF_OK)
        return rc;
    snprintf(sub, sizeof(sub), "%ss/%s", word, name);
    rc = put_identity(in, sub, kind, name, NULL);
    if (rc != WF_OK)
        return rc;
    struct wf_buf b;
    wf_buf_init(&b, FILE_MAX);
    wf_buf_puts(&b,
                "# For watchfire(1): copy this directory to ~/.config/watchfire.\nendpoints: [");
    for (unsigned i = 0; i < in->cluster.n_members; i++)
        wf_buf_printf(&b, "%s\"%s\"", i ? ", " : "", in->cluster.members[i].address);
    wf_buf_printf(&b, "]\nca: ca.pem\ncert: %s.pem\nkey: %s.key\n", word, word);
    rc = put_file(in, sub, "config.yaml", &b, 0644);
    wf_buf_free(&b);
    return rc;
}

// Each value of a list flag, commas and repetitions alike, given to fn.
static int for_each(struct init *in, const char *flag, enum wf_identity_kind kind)
{
    const char *text;
    int rc = WF_OK;
    for (size_t i = 0; rc == WF_OK && (text = wf_cli_args_at(&in->cli->args, flag, i)); i++) {
        rc = make_caller(in, kind, text);
        if (rc == WF_OK)
            fprintf(in->cli->out, "%s/%ss/%s\n", in->dir, kind == WF_ID_USER ? "user" : "service",
                    text);
    }
    return rc;
}

static int make_nodes(struct init *in, unsigned first)
{
    int rc = WF_OK;
    for (unsigned i = first; rc == WF_OK && i < in->cluster.n_members; i++) {
        rc = make_node(in, &in->cluster.members[i]);
        if (rc == WF_OK)
            fprintf(in->cli->out, "%s/nodes/%s\n", in->dir, in->cluster.members[i].name);
    }
    return rc;
}

static int take_nodes(struct init *in, const char *flag)
{
    const char *text;
    int rc = WF_OK;
    for (size_t i = 0; rc == WF_OK && (text = wf_cli_args_at(&in->cli->args, flag, i)); i++) {
        struct wf_cluster_member m;
        rc = parse_node(text, &m, in->err);
        if (rc == WF_OK)
            rc = wf_cluster_file_add(&in->cluster, &m, in->force && !in->fresh, in->err);
    }
    return rc;
}

static int save_cluster(struct init *in, bool force)
{
    struct wf_buf b;
    wf_buf_init(&b, FILE_MAX);
    wf_cluster_file_write(&in->cluster, &b);
    bool before = in->force;
    in->force = force;
    int rc = put_file(in, "", "cluster.yaml", &b, 0644);
    in->force = before;
    wf_buf_free(&b);
    return rc;
}

// --- a new cluster -------------------------------------------------------------------------------

static int check_fresh(const struct init *in)
{
    const char *name = wf_cli_args_get(&in->cli->args, "cluster"), *admin;
    if (!name)
        return wf_fail(in->err, WF_INVALID_ARGUMENT,
                       "--cluster NAME is missing (or --ca DIR, to add "
                       "to an earlier init)");
    int rc = check_name("cluster", name, in->err);
    if (rc == WF_OK && in->cluster.n_members == 0)
        rc = wf_fail(
            in->err, WF_INVALID_ARGUMENT,
            "--node NAME@REGION=HOST:PORT is missing: three regions survive the loss of one");
    if (rc == WF_OK && !wf_cli_args_get(&in->cli->args, "admin"))
        rc = wf_fail(in->err, WF_INVALID_ARGUMENT,
                     "--admin NAME is missing: somebody must be able to let others in");
    for (size_t i = 0; rc == WF_OK && (admin = wf_cli_args_at(&in->cli->args, "admin", i)); i++)
        rc = check_name("user", admin, in->err);
    return rc;
}

static int make_ca(struct init *in)
{
    uint8_t id[16];
    if (RAND_bytes(id, sizeof(id)) != 1)
        return wf_fail(in->err, WF_INTERNAL, "the system gives no random numbers");
    wf_hex(id, sizeof(id), in->cluster.id);
    int rc = wf_pki_make_ca(in->cluster.name, CA_DAYS, &in->ca, in->err);
    if (rc == WF_OK)
        rc = put_key(in, "ca", "ca.key", in->ca.key);
    return rc == WF_OK ? put_cert(in, "ca", "ca.pem", in->ca.cert) : rc;
}

static unsigned count_regions(const struct wf_cluster_file *c)
{
    unsigned regions = 0;
    for (unsigned i = 0; i < c->n_members; i++) {
        bool seen = false;
        for (unsigned k = 0; k < i; k++)
            seen = seen || strcmp(c->members[k].region, c->members[i].region) == 0;
        regions += !seen;
    }
    return regions;
}

static void put_beginning(const struct init *in)
{
    const char *admin = wf_cli_args_at(&in->cli->args, "admin", 0);
    struct wf_buf dir;
    wf_buf_init(&dir, FILE_MAX);
    wf_text_quote(&dir, in->dir);
    const char *quoted = wf_buf_cstr(&dir);
    fprintf(in->cli->err,
            "Keep %s/ca/ca.key safe: whoever has it is any user and any node.\n"
            "Next: copy each nodes/NAME to its machine, and there, the first time:\n"
            "      watchfired --config watchfired.yaml --bootstrap\n"
            "      then, as %s:\n"
            "      watchfire --config %s/users/%s/config.yaml cluster status\n",
            in->dir, admin, quoted ? quoted : in->dir, admin);
    wf_buf_free(&dir);
}

static int init_fresh(struct init *in)
{
    in->fresh = true;
    int rc = take_nodes(in, "node");
    if (rc == WF_OK)
        rc = check_fresh(in);
    if (rc != WF_OK)
        return rc;
    snprintf(in->cluster.name, sizeof(in->cluster.name), "%s",
             wf_cli_args_get(&in->cli->args, "cluster"));
    if (!in->dir)
        in->dir = in->cluster.name;
    rc = make_ca(in);
    if (rc == WF_OK)
        rc = make_nodes(in, 0);
    if (rc == WF_OK)
        rc = for_each(in, "admin", WF_ID_USER);
    if (rc == WF_OK)
        rc = for_each(in, "user", WF_ID_USER);
    if (rc == WF_OK)
        rc = save_cluster(in, in->force);
    if (rc == WF_OK && count_regions(&in->cluster) < 3)
        fputs("Warning: fewer than three regions cannot survive the loss of one.\n", in->cli->err);
    if (rc == WF_OK)
        put_beginning(in);
    return rc;
}

// --- additions -----------------------------------------------------------------------------------

static int load_pem(struct init *in, const char *name, struct wf_buf *out)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/ca/%s", in->dir, name);
    return wf_file_read(path, NULL, out, in->err);
}

static int load_ca(struct init *in)
{
    struct wf_buf cert, key;
    wf_buf_init(&cert, FILE_MAX);
    wf_buf_init(&key, FILE_MAX);
    int rc = load_pem(in, "ca.pem", &cert);
    if (rc == WF_OK)
        rc = load_pem(in, "ca.key", &key);
    if (rc == WF_OK)
        rc = wf_pki_parse(&cert, &key, &in->ca, in->err);
    char name[WF_NODE_NAME_MAX + 1];
    if (rc == WF_OK)
        rc = wf_pki_cluster(in->ca.cert, name, in->err);
    if (rc == WF_OK && strcmp(name, in->cluster.name) != 0)
        rc = wf_fail(in->err, WF_INVALID_ARGUMENT, "%s/ca is the CA of %s, cluster.yaml says %s",
                     in->dir, name, in->cluster.name);
    if (key.data)
        OPENSSL_cleanse(key.data, key.len);
    wf_buf_free(&cert);
    wf_buf_free(&key);
    return rc;
}

static unsigned count_values(const struct init *in, const char *flag)
{
    unsigned n = 0;
    while (wf_cli_args_at(&in->cli->args, flag, n))
        n++;
    return n;
}

// Whoever is new has no role yet.
static void put_roles(const struct init *in, const char *flag, const char *more)
{
    const char *name;
    for (size_t i = 0; (name = wf_cli_args_at(&in->cli->args, flag, i)); i++)
        fprintf(in->cli->err, "Next: watchfire user set %s ROLE%s\n", name, more);
}

static int init_add(struct init *in)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/cluster.yaml", in->dir);
    int rc = wf_cluster_file_load(&in->cluster, path, in->err);
    if (rc == WF_OK)
        rc = load_ca(in);
    if (rc == WF_OK)
        rc = take_nodes(in, "add-node");
    if (rc != WF_OK)
        return rc;
    unsigned known = in->cluster.n_members - count_values(in, "add-node"); // new ones stand last
    rc = make_nodes(in, known);
    if (rc == WF_OK && in->cluster.n_members > known)
        rc = save_cluster(in, true);
    if (rc == WF_OK)
        rc = for_each(in, "add-user", WF_ID_USER);
    if (rc == WF_OK)
        rc = for_each(in, "add-service", WF_ID_SERVICE);
    if (rc != WF_OK)
        return rc;
    for (unsigned i = known; i < in->cluster.n_members; i++)
        fprintf(in->cli->err,
                "Next: watchfire cluster add %s %s %s\n      then start watchfired there\n",
                in->cluster.members[i].name, in->cluster.members[i].region,
                in->cluster.members[i].address);
    put_roles(in, "add-user", "");
    put_roles(in, "add-service", " --kind service");
    return rc;
}

// --- the command ---------------------------------------------------------------------------------

static int check_flags(struct init *in)
{
    static const char *const fresh_only[] = {"cluster", "dir", "node", "admin", "user"};
    static const char *const adding_only[] = {"add-user", "add-node", "add-service"};
    const struct wf_cli_args *a = &in->cli->args;
    bool adding = wf_cli_args_get(a, "ca"), any = false;
    for (size_t i = 0; i < sizeof(fresh_only) / sizeof(fresh_only[0]); i++)
        if (adding && wf_cli_args_get(a, fresh_only[i]))
            return wf_fail(in->err, WF_INVALID_ARGUMENT,
                           "--%s is for a new cluster, --ca for an "
                           "earlier one",
                           fresh_only[i]);
    for (size_t i = 0; i < sizeof(adding_only) / sizeof(adding_only[0]); i++) {
        any = any || wf_cli_args_get(a, adding_only[i]);
        if (!adding && wf_cli_args_get(a, adding_only[i]))
            return wf_fail(in->err, WF_INVALID_ARGUMENT,
                           "--%s needs --ca DIR, the directory of an "
                           "earlier init",
                           adding_only[i]);
    }
    if (adding && !any)
        return wf_fail(in->err, WF_INVALID_ARGUMENT,
                       "nothing to add: --add-user, --add-node or --add-service");
    const char *days = wf_cli_args_get(a, "days");
    in->days = days ? atoi(days) : LEAF_DAYS;
    if (in->days < 1 || in->days > DAYS_MAX)
        return wf_fail(in->err, WF_INVALID_ARGUMENT, "--days is from 1 to %d", DAYS_MAX);
    return WF_OK;
}

int wf_cli_run_init(struct wf_cli *cli)
{
    struct wf_err err;
    const char *earlier = wf_cli_args_get(&cli->args, "ca");
    struct init in = {.cli = cli,
                      .err = &err,
                      .dir = earlier ? earlier : wf_cli_args_get(&cli->args, "dir"),
                      .force = wf_cli_args_get(&cli->args, "force")};
    int rc = check_flags(&in);
    if (rc == WF_OK)
        rc = earlier ? init_add(&in) : init_fresh(&in);
    wf_pki_pair_free(&in.ca);
    return rc == WF_OK ? WF_EXIT_OK : wf_cli_report_local(cli, &err);
}
