// SPDX-License-Identifier: Apache-2.0
#include "tls/ticket.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"

enum { NAME_SIZE = 16, SECRET_SIZE = 32 };

struct key {
    unsigned char name[NAME_SIZE];
    unsigned char cipher[SECRET_SIZE];
    unsigned char mac[SECRET_SIZE];
};

struct wf_ticket_keys {
    pthread_mutex_t lock;
    struct key keys[2]; // [0] seals and opens, [1] opens
    wf_mono_ns since;   // when [0] was made
    EVP_CIPHER *aes;    // fetched once: fetching per handshake is what makes OpenSSL 3 slow
};

static bool fill(struct key *k)
{
    return RAND_bytes(k->name, sizeof k->name) == 1 &&
           RAND_priv_bytes(k->cipher, sizeof k->cipher) == 1 &&
           RAND_priv_bytes(k->mac, sizeof k->mac) == 1;
}

struct wf_ticket_keys *wf_ticket_keys_new(wf_mono_ns now)
{
    struct wf_ticket_keys *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    k->since = now;
    k->aes = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    pthread_mutex_init(&k->lock, NULL);
    if (!k->aes || !fill(&k->keys[0]) || !fill(&k->keys[1])) {
        wf_ticket_keys_free(k);
        return NULL;
    }
    return k;
}

void wf_ticket_keys_free(struct wf_ticket_keys *k)
{
    if (!k)
        return;
    pthread_mutex_destroy(&k->lock);
    EVP_CIPHER_free(k->aes);
    OPENSSL_cleanse(k->keys, sizeof k->keys);
    free(k);
}

// Requires the lock.
static int turn(struct wf_ticket_keys *k, wf_mono_ns now)
{
    const wf_mono_ns life = (wf_mono_ns)WF_TICKET_MS * 1000000;
    int changed = 0;
    WF_ASSERT(now >= k->since);
    while (now - k->since >= life && changed < 2) {
        struct key next;
        if (!fill(&next))
            break; // the old key seals on; the next handshake tries again
        k->keys[1] = k->keys[0];
        k->keys[0] = next;
        OPENSSL_cleanse(&next, sizeof next);
        k->since += life;
        changed++;
    }
    if (changed == 2)
        k->since = now;
    return changed;
}

int wf_ticket_keys_turn(struct wf_ticket_keys *k, wf_mono_ns now)
{
    pthread_mutex_lock(&k->lock);
    int changed = turn(k, now);
    pthread_mutex_unlock(&k->lock);
    return changed;
}

static bool set_up(struct wf_ticket_keys *k, const struct key *key, unsigned char iv[],
                   EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool seal)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->mac, sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, params) == 1 &&
           EVP_CipherInit_ex(cipher, k->aes, NULL, key->cipher, iv, seal) == 1;
}

// Returns as SSL_CTX_set_tlsext_ticket_key_evp_cb() has it: -1 error, 0 unknown key (a full
// handshake follows), 1 fine, 2 fine but give a new ticket.
static int on_ticket(SSL *ssl, unsigned char name[], unsigned char iv[], EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seal)
{
    struct wf_ticket_keys *k = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    WF_ASSERT(k != NULL);
    int rc = 0;
    pthread_mutex_lock(&k->lock);
    turn(k, wf_clock_mono_ns());
    if (seal) {
        rc = RAND_bytes(iv, EVP_CIPHER_get_iv_length(k->aes)) == 1 &&
                     set_up(k, &k->keys[0], iv, cipher, mac, true)
                 ? 1
                 : -1;
        memcpy(name, k->keys[0].name, NAME_SIZE);
    } else {
        for (int i = 0; i < 2 && rc == 0; i++)
            if (memcmp(name, k->keys[i].name, NAME_SIZE) == 0)
                rc = set_up(k, &k->keys[i], iv, cipher, mac, false) ? 1 + i : -1;
    }
    pthread_mutex_unlock(&k->lock);
    return rc;
}

void wf_ticket_keys_use(struct wf_ticket_keys *k, SSL_CTX *ctx)
{
    SSL_CTX_set_app_data(ctx, k);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}
