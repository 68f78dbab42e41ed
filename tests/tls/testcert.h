// SPDX-License-Identifier: Apache-2.0
// Certificates for tests, made when they run: a directory with CAs and leaves (ECDSA P-256) in PEM.
// Everything that fails here aborts the test.
#ifndef WF_TESTS_TESTCERT_H
#define WF_TESTS_TESTCERT_H

struct wf_tls;

struct testcert_dir {
    char path[64];
};

// A new directory below TMPDIR, and its removal with what is in it.
struct testcert_dir testcert_new(void);
void testcert_remove(const struct testcert_dir *d);

// A CA: writes NAME.pem and NAME.key.
void testcert_ca(const struct testcert_dir *d, const char *name);

// A leaf signed by ca, for localhost, 127.0.0.1 and ::1, and for uri unless that is NULL; valid
// from and until so many seconds from now. Writes NAME.pem and NAME.key.
void testcert_leaf(const struct testcert_dir *d, const char *ca, const char *name, const char *uri,
                   long from_s, long until_s);

// The path of a file in it; one of eight buffers that take turns.
const char *testcert_file(const struct testcert_dir *d, const char *name, const char *suffix);

// wf_tls_load() with NAME.pem and NAME.key (NULL: no certificate), trusting ca; cluster as there.
struct wf_tls *testcert_load(const struct testcert_dir *d, const char *ca, const char *name,
                             const char *cluster);

#endif
