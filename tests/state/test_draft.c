// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "state/draft.h"
#include "state/messages.h"

// Posts that say what they should. The first three are a real platform's, of 30 June 2012.
static const char *const honest[] = {
    "Our automated systems have detected potential platform errors. We are investigating.",
    "We're currently experiencing a widespread application outage. We've disabled API access while "
    "engineers work on resolving the issues.",
    "We have lost connectivity to some of our infrastructure. Our engineers are working to restore "
    "affected systems. We've disabled API access while we work through the issues.",
    "We are working with our cloud provider to restore the affected systems.",
    "We have opened a ticket with our infrastructure provider.",
    "We have opened an issue with our DNS provider.",
    "The next update will be posted in 30 minutes.",
    "Next update at 05:00 UTC.",
    "We'll post another update within the hour or as soon as service is restored.",
    "We will post an update when service is restored, or within 30 minutes.",
    "More information soon.",
    "We will share more details shortly.",
    "We do not yet have an ETA.",
    "We cannot give an estimated time of recovery.",
    "There is no ETA yet.",
    "The root cause is not yet known.",
    "We are still working to identify the root cause.",
    "We don't know what caused it; the root cause is under investigation.",
    "Engineers are investigating the cause of the errors.",
    "We have been investigating elevated error rates for the past 20 minutes.",
    "Errors started 30 minutes ago and affect a third of apps.",
    "API access is disabled due to the ongoing outage.",
    "We've disabled deploys because of this incident.",
    "Maintenance is due to be finished by our engineers.",
    "The incident is resolved. Some customers saw errors for about 3 hours.",
    "All databases have been restored. We apologize for the disruption.",
    "Deploys work again. We are watching the platform closely.",
    "We believe the issue is resolved and continue to monitor.",
    "The incident was resolved within 2 hours.",
    "We will restore backups of the last 24 hours first.",
    "Jobs retry every 5 minutes until they succeed.",
    "",
    "...",
};

struct dishonest {
    const char *text;
    const char *passage;
    int kind;
};
static const struct dishonest dishonest[] = {
    {"We expect to be back in 30 minutes.", "in 30 minutes", FINDING_ETA},
    {"Service will be restored shortly.", "shortly", FINDING_ETA},
    {"All apps should be back online by 04:00 UTC.", "by 04:00 UTC", FINDING_ETA},
    {"ETA: two hours.", "ETA", FINDING_ETA},
    {"The estimated time of recovery is noon.", "estimated time", FINDING_ETA},
    {"We\xe2\x80\x99ll be fully operational within the next hour.", "within the next hour",
     FINDING_ETA},
    {"Everything will be fixed tomorrow.", "tomorrow", FINDING_ETA},
    {"A fix is coming and should take another 20 minutes.", "another 20 minutes", FINDING_ETA},
    {"By 4pm, all apps should be back.", "By 4pm", FINDING_ETA},
    {"We expect a fix within the hour and will post updates.", "within the hour", FINDING_ETA},
    {"WE HOPE TO HAVE THIS RESOLVED SOON", "SOON", FINDING_ETA},
    {"Recovery is expected in one to two hours.", "in one to two hours", FINDING_ETA},
    {"We will be back up\nin 2h.", "in 2h", FINDING_ETA},
    {"Service should return to normal by the end of the day.", "by the end of the day",
     FINDING_ETA},
    {"It will be back up any minute now.", "any minute now", FINDING_ETA},
    {"The outage was caused by a failed switch.", "caused by", FINDING_CAUSE},
    {"Apps are down due to a network problem.", "due to", FINDING_CAUSE},
    {"The root cause is a bad deploy.", "root cause is", FINDING_CAUSE},
    {"We have identified the root cause.", "identified the root cause", FINDING_CAUSE},
    {"We suspect a DNS problem.", "We suspect a", FINDING_CAUSE},
    {"The API is unavailable because a database failed.", "because", FINDING_CAUSE},
    {"The errors stem from a memory leak, the likely cause.", "likely cause", FINDING_CAUSE},
    {"This appears to be related to a certificate.", "appears to be related", FINDING_CAUSE},
    {"Logins fail as a result of an expired certificate.", "as a result of", FINDING_CAUSE},
    {"Amazon is experiencing an outage.", "Amazon is experiencing", FINDING_BLAME},
    {"Our cloud provider has lost power.", "Our cloud provider has lost", FINDING_BLAME},
    {"This is beyond our control.", "beyond our control", FINDING_BLAME},
    {"There is an outage at our hosting provider.", "outage at our hosting provider",
     FINDING_BLAME},
    {"An AWS outage takes our apps down.", "AWS outage", FINDING_BLAME},
    {"It was human error.", "human error", FINDING_BLAME},
    {"Our vendor failed us.", "failed us", FINDING_BLAME},
    {"Our cloud provider caused it.", "Our cloud provider caused", FINDING_BLAME},
    {"AWS broke our network", "AWS broke", FINDING_BLAME},
    {"An engineer made a mistake", "An engineer made a mistake", FINDING_BLAME},
    {"The vendor is to blame.", "to blame", FINDING_BLAME},
    {"One of our engineers accidentally deleted a table.", "accidentally", FINDING_BLAME},
    {"Apps are down because of our upstream provider.", "because of our upstream provider",
     FINDING_BLAME},
};

static void honest_posts_pass(void **state)
{
    struct wf_draft_finding f[WF_DRAFT_FINDINGS_MAX];
    int alarms = 0;

    (void)state;
    for (size_t i = 0; i < sizeof honest / sizeof honest[0]; i++)
        if (wf_draft_check(honest[i], f) != 0) {
            print_error("false alarm (%d) in: %s: %.*s\n", f[0].kind, honest[i], (int)f[0].length,
                        honest[i] + f[0].start);
            alarms++;
        }
    assert_int_equal(alarms, 0);
}

static bool found(const struct dishonest *d)
{
    struct wf_draft_finding f[WF_DRAFT_FINDINGS_MAX];
    size_t n = wf_draft_check(d->text, f), at = (size_t)(strstr(d->text, d->passage) - d->text);

    for (size_t i = 0; i < n; i++)
        if (f[i].kind == d->kind && f[i].start <= at &&
            f[i].start + f[i].length >= at + strlen(d->passage))
            return true;
    return false;
}

static void dishonest_passages_are_found(void **state)
{
    int missed = 0;

    (void)state;
    for (size_t i = 0; i < sizeof dishonest / sizeof dishonest[0]; i++)
        if (!found(&dishonest[i])) {
            print_error("missed in: %s\n", dishonest[i].text);
            missed++;
        }
    assert_int_equal(missed, 0);
}

static void findings_are_in_order_with_their_text(void **state)
{
    static const char text[] =
        "Amazon is experiencing an outage. It was caused by a storm. We should be "
        "back by 4 p.m. and ETA 5.";
    struct wf_draft_finding f[WF_DRAFT_FINDINGS_MAX];
    struct wf_arena a;
    size_t n = wf_draft_check(text, f);

    (void)state;
    wf_arena_init(&a);
    assert_true(n >= 3);
    for (size_t i = 1; i < n; i++)
        assert_true(f[i - 1].start <= f[i].start);
    Watchfire__V1__DraftFinding *m = wf_draft_message(&a, text, &f[0]);
    assert_int_equal(m->kind, FINDING_BLAME);
    assert_memory_equal(m->text, "Amazon is experiencing", 22);
    assert_non_null(strstr(m->advice, "blame"));
    wf_arena_free(&a);
}

static void any_text_is_survived(void **state)
{
    struct wf_draft_finding f[WF_DRAFT_FINDINGS_MAX];
    char *text = malloc(WF_BODY_MAX + 100);
    uint32_t x = 12345;

    (void)state;
    for (int round = 0; round < 50; round++) {
        size_t len = 0;
        while (len < WF_BODY_MAX - 40) {
            x = x * 1664525 + 1013904223;
            const char *w =
                (x >> 30) == 0 ? dishonest[(x >> 8) % (sizeof dishonest / sizeof dishonest[0])].text
                               : honest[(x >> 8) % (sizeof honest / sizeof honest[0])];
            size_t n = strlen(w), from = n > 0 ? (x >> 16) % n : 0;
            n = n - from < 40 ? n - from : 40;
            memcpy(text + len, w + from, n);
            len += n;
            text[len++] = " .,\n'"[(x >> 4) % 5];
        }
        text[len] = '\0';
        size_t n = wf_draft_check(text, f);
        assert_true(n <= WF_DRAFT_FINDINGS_MAX);
        for (size_t i = 0; i < n; i++)
            assert_true(f[i].length > 0 && f[i].start + f[i].length <= len);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_posts_pass),
        cmocka_unit_test(dishonest_passages_are_found),
        cmocka_unit_test(findings_are_in_order_with_their_text),
        cmocka_unit_test(any_text_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
