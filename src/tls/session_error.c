// SPDX-License-Identifier: Apache-2.0
#include "tls/session_error.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

#include "tls/identity.h"
#include "tls/session.h"

// Whom an unverified certificate claims to be, for a log.
static void claims(X509 *leaf, char out[240])
{
    struct wf_identity id;
    char uri[200];
    out[0] = 0;
    if (!leaf || wf_certificate_identity(leaf, &id, NULL) != WF_OK)
        return;
    wf_identity_format(&id, uri);
    snprintf(out, 240, " (it claims to be %s)", uri);
}

void wf_session_chain_refused(int e, X509 *leaf, struct wf_err *err)
{
    const char *reason, *why;
    char who[240];
    claims(leaf, who);
    switch (e) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        reason = "CERTIFICATE_EXPIRED";
        why = "the certificate has expired";
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        reason = "CERTIFICATE_NOT_YET_VALID";
        why = "the certificate is not valid yet: compare the clocks";
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        reason = "CERTIFICATE_UNKNOWN_CA";
        why = "the certificate is not from the CA trusted here";
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        reason = "CERTIFICATE_OTHER_NAME";
        why = "the certificate is not for the host that was dialled";
        break;
    default:
        reason = "CERTIFICATE_UNTRUSTED";
        why = X509_verify_cert_error_string(e);
    }
    wf_fail_reason(err, WF_UNAUTHENTICATED, reason, "%s%s", why, who);
}

// The alerts that mean: not with that certificate.
static const char *certificate_alert(int alert)
{
    switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
        return "it is not acceptable there (another cluster, or not a node's)";
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
        return "its type is not supported";
    case SSL_AD_CERTIFICATE_REVOKED:
        return "certificate revoked";
    case SSL_AD_CERTIFICATE_EXPIRED:
        return "certificate expired";
    case SSL_AD_CERTIFICATE_UNKNOWN:
        return "it could not be verified";
    case SSL_AD_UNKNOWN_CA:
        return "it is not from the CA trusted there";
    case SSL_AD_DECRYPT_ERROR:
        return "its signature is wrong";
    case SSL_AD_ACCESS_DENIED:
        return "access denied";
    default:
        return NULL;
    }
}

static int explain_alert(bool server, int alert, struct wf_err *err)
{
    const char *peer = server ? "client" : "server";
    if (alert == SSL_AD_CERTIFICATE_REQUIRED)
        return wf_fail_reason(err, WF_UNAUTHENTICATED, "CERTIFICATE_REQUIRED",
                              "the %s asks for a certificate and we have none to show", peer);
    if (alert == SSL_AD_NO_APPLICATION_PROTOCOL)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "NO_APPLICATION_PROTOCOL",
                              "the %s does not speak our protocol", peer);
    const char *why = certificate_alert(alert);
    if (why)
        return wf_fail_reason(err, WF_UNAUTHENTICATED, "CERTIFICATE_REFUSED",
                              "the %s refused our certificate: %s", peer, why);
    return wf_fail_reason(err, WF_UNAVAILABLE, "TLS_ALERT", "the %s ended TLS: %s", peer,
                          SSL_alert_desc_string_long(alert));
}

int wf_session_explain(bool server, struct wf_err *err)
{
    unsigned long e = ERR_peek_error();
    int reason = ERR_GET_LIB(e) == ERR_LIB_SSL ? ERR_GET_REASON(e) : 0;
    const char *text = ERR_reason_error_string(e);
    int rc;
    if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256)
        rc = explain_alert(server, reason - SSL_AD_REASON_OFFSET, err);
    else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        rc = wf_fail_reason(err, WF_UNAUTHENTICATED, "CERTIFICATE_REQUIRED",
                            "the peer showed no certificate and a node's is needed");
    else if (reason == SSL_R_HTTP_REQUEST)
        rc = wf_fail_reason(err, WF_UNAVAILABLE, "NOT_TLS",
                            "the peer speaks plain HTTP: use https://");
    else if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG)
        rc = wf_fail_reason(err, WF_UNAVAILABLE, "NOT_TLS", "the peer does not speak TLS");
    else
        rc = wf_fail_reason(err, WF_UNAVAILABLE, "TLS_FAILED", "TLS failed: %s",
                            text ? text : "out of memory");
    ERR_clear_error();
    return rc;
}
