// SPDX-License-Identifier: Apache-2.0
#include "state/draft.h"

#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "state/messages.h"
#include "state/words.h"

struct findings {
    struct wf_draft_finding *out;
    size_t n;
};

// Words from..to of the sentence. One that overlaps the last of its kind extends it.
static void add(struct findings *f, const struct wf_sentence *s, int kind, int from, int to)
{
    uint32_t start = s->words[from].start, end = s->words[to - 1].end;

    WF_ASSERT(from < to && to <= s->n);
    for (size_t i = 0; i < f->n; i++) {
        struct wf_draft_finding *old = &f->out[i];
        if (old->kind == kind && start <= old->start + old->length && end >= old->start) {
            uint32_t old_end = old->start + old->length;
            old->start = start < old->start ? start : old->start;
            old->length = (end > old_end ? end : old_end) - old->start;
            return;
        }
    }
    if (f->n < WF_DRAFT_FINDINGS_MAX)
        f->out[f->n++] = (struct wf_draft_finding){kind, start, end - start};
}

static const char negations[] = "no|not|never|cannot|can't|don't|doesn't|didn't|won't|isn't|aren't|"
                                "wasn't|haven't|hasn't|couldn't|without|unable|nor|neither|whether|"
                                "unclear|unknown|until|once";
static const char unknowns[] = "unknown|unclear|not|isn't|wasn't|under|being|still|yet|unconfirmed|"
                               "unavailable|investigat*|undetermined";

// --- a time of recovery -------------------------------------------------------------------------

static const char future[] =
    "will|shall|should|expect|expects|expecting|expected|estimate|estimates|"
    "estimated|estimating|anticipate|anticipates|anticipated|hope|hopes|"
    "hoping|hopeful|plan|plans|planning|aim|aims|aiming|going|promise|"
    "promises|predict|we'll|it'll|they'll|you'll|that'll|this'll|"
    "everything'll|likely|soon";
static const char recovery[] =
    "restor*|resolv*|resolution|fix|fixed|fixes|recover*|back|online|"
    "available|complete|completed|completely|completion|normal|normally|"
    "operational|repair*|running|over|done|finish*|return|returns|resume|"
    "resumes|resumed|again|healthy|solved|up";
static const char talk[] = "update|updates|updated|updating|information|info|details|news|report|"
                           "reports|post|posts|posting|posted|communicate|statement|share|message";

static const char *const named_times[] = {
    "eta|etas",
    ("estimated|expected|anticipated|projected|estimate|estimates ?of ?the "
     "time|timeline|date|recovery|restoration|resolution|completion|repair|fix"),
    "time to|of recovery|resolution|restore|restoration|repair|fix|recover|resolve",
};

static const char *const times[] = {
    ("?in|within|under|another|for|about ?about|approximately|around|roughly|the|less|under ?than "
     "#span"),
    "?by|before|at|around|until|till|from|approximately ?about|around|approximately #clock",
    "?by|before|until|till|on|later #day",
    "?very|quite|back shortly|momentarily|imminently",
    "?very|quite soon",
    "any minute|moment|second ?now",
    "in no time",
    "before long",
};

struct context {
    bool future, recovery, talk, past;
};

// What the words of one clause (-1: all) speak of.
static struct context context(const struct wf_sentence *s, int clause)
{
    struct context c = {false, false, false, false};

    for (int i = 0; i < s->n; i++) {
        if (clause >= 0 && s->words[i].clause != clause)
            continue;
        c.future = c.future || wf_word_is(s, future, i);
        c.recovery = c.recovery || wf_word_is(s, recovery, i);
        c.talk = c.talk || wf_word_is(s, talk, i);
        c.past = c.past || wf_word_is(s, "was|were|been|had", i);
    }
    return c;
}

static bool is_promise(const struct wf_sentence *s, int i)
{
    struct context all = context(s, -1), own = context(s, s->words[i].clause);

    if (!all.future || !all.recovery || own.talk)
        return false;
    return (!all.talk && !all.past) || (own.future && own.recovery);
}

// What has lasted, what is repeated, "as soon as": no promise.
static bool is_other_time(const struct wf_sentence *s, int from, int to)
{
    return wf_word_near(s, "last|past|previous|every|each|since|after|as|already|than|first", from,
                        2) ||
           wf_word_is(s, "last|past|previous|ago|earlier|old|worth|of", to) ||
           wf_word_near(s, negations, from, 4);
}

static void find_times(struct findings *f, const struct wf_sentence *s)
{
    for (int i = 0; i < s->n; i++) {
        for (size_t k = 0; k < sizeof named_times / sizeof named_times[0]; k++) {
            int to = wf_words_match(s, named_times[k], i);
            if (to > i && !wf_word_near(s, negations, i, 6) && !wf_word_near(s, unknowns, to, -4))
                add(f, s, FINDING_ETA, i, to);
        }
        for (size_t k = 0; k < sizeof times / sizeof times[0]; k++) {
            int to = wf_words_match(s, times[k], i);
            if (to > i && is_promise(s, i) && !is_other_time(s, i, to)) {
                add(f, s, FINDING_ETA, i, to);
                i = to - 1;
                break;
            }
        }
    }
}

// --- a presumed cause ---------------------------------------------------------------------------

// About the cause as such: not when it is being looked for.
static const char *const named_causes[] = {
    "root cause|causes ?here is|was|are|were|has|appears|seems|lies",
    "cause of|behind _ is|was|appears|seems",
    "the|its ?likely|probable|actual|real cause is|was|appears|seems",
    ("identified|found|determined|isolated|located|pinpointed|discovered|know|confirmed "
     "the|a|its ?likely|probable|exact|underlying|root root|cause ?cause"),
    "likely|probable|suspected|apparent|probably root|cause|caused ?cause",
    "culprit",
};

static const char *const causes[] = {
    "caused|triggered by",
    "due|owing to",
    "because of",
    "as a result|consequence of",
    "resulting|resulted|stems|stemmed|stemming|arising|arose|originated|originating from",
    "attributed|attributable to",
    "traced|tracked ?this|it ?back|down to",
    "appears|appear|seems|seem|believed|thought|suspected to be|have ?been "
    "caused|triggered|related|linked|due ?by|to",
    "we suspect|presume|assume ?that|a|an|the|this|it",
    "we believe|think ?that this|it|the ?issue|problem|outage|incident|root|errors ?cause "
    "is|was|are|were|stems",
    "down|offline|unavailable|unreachable|failing|failed|failure|outage|errors|slow|degraded _ "
    "because",
};

static const char searches[] =
    "investigate|investigating|determine|determining|identify|identifying|"
    "understand|understanding|find|finding|look|looking|search|searching|"
    "establish|establishing|learn|diagnose|diagnosing|tracking|analyzing|"
    "analysing";

// Behind "due to": what we did because of the incident itself, and what is due to happen.
static bool is_own_incident(const struct wf_sentence *s, int i)
{
    static const char *const own[] = {
        "the|this|these|that|our|today's &ongoing|current|same|above|widespread|earlier "
        "issue|issues|incident|incidents|outage|problem|problems|event|investigation|degradation|"
        "disruption|maintenance|work|errors|situation",
        "a|an ongoing|current|earlier issue|issues|incident|outage|problem|event|disruption",
        "ongoing|current|planned|scheduled issues|incidents|outages|maintenance|work",
        "be",
    };

    for (size_t k = 0; k < sizeof own / sizeof own[0]; k++)
        if (wf_words_match(s, own[k], i) > i)
            return true;
    return false;
}

static bool is_settled(const struct wf_sentence *s, int i)
{
    return wf_word_near(s, "resolved|fixed|over|contained|mitigated|restored|solved|behind|safe", i,
                        -3);
}

static void find_causes(struct findings *f, const struct wf_sentence *s)
{
    for (int i = 0; i < s->n; i++) {
        for (size_t k = 0; k < sizeof named_causes / sizeof named_causes[0]; k++) {
            int to = wf_words_match(s, named_causes[k], i);
            if (to > i && !wf_word_near(s, negations, i, 6) && !wf_word_near(s, searches, i, 6) &&
                !wf_word_near(s, unknowns, to, -4))
                add(f, s, FINDING_CAUSE, i, to);
        }
        for (size_t k = 0; k < sizeof causes / sizeof causes[0]; k++) {
            int to = wf_words_match(s, causes[k], i);
            if (to > i && !wf_word_near(s, negations, i, 6) && !is_own_incident(s, to) &&
                !is_settled(s, to))
                add(f, s, FINDING_CAUSE, i, to);
        }
    }
}

// --- blame --------------------------------------------------------------------------------------

static const char *const blames[] = {
    "#who is|are|has|have|had|was|were|experienced|suffered &been|currently|still|now|again|also|"
    "reportedly|having "
    "experienc*|having|suffer*|down|offline|unavailable|fail*|lost|losing|broke*|degraded|dropped|"
    "crashed|power|a|an ?outage|outages",
    "#who failed|broke|lost|crashed|dropped|went|caused|causes|triggered",
    "#who &power|network|storage|database|cloud|dns|hardware|service|infrastructure "
    "outage*|failure*|fault*|mistake*|error|errors|problem|problems|bug|bugs|downtime",
    "caused|triggered by #who",
    "due|owing to #who",
    "because ?of #who",
    "outside|beyond ?of our control",
    "their|amazon's|google's|microsoft's|provider's|vendor's fault",
    "not our fault|problem",
    "fault of|lies|is",
    "at fault",
    "to blame",
    "blame|blames|blamed",
    "let|letting us down",
    "failed us",
    "responsible for this|the|these|our ?current|ongoing outage|issue*|problem*|incident|errors",
    "human|operator|user|customer|engineer error|errors|mistake|mistakes",
    "mistake by|of|made",
    "an|one|a|our ?of ?our engineer|engineers|operator|employee|developer|contractor|administrator|"
    "intern _ mistake*|accidentally|mistakenly|misconfigured|broke|deleted|forgot",
};

// Failures "at" a provider; not when we speak of talking to them.
static const char with_provider[] =
    "outage*|failure*|problem|problems|issue|issues|error|errors|disruption*|bug|fault|incident "
    "at|with|from|by|in|within|on|of #who";

static void find_blame(struct findings *f, const struct wf_sentence *s)
{
    for (int i = 0; i < s->n; i++) {
        for (size_t k = 0; k < sizeof blames / sizeof blames[0]; k++) {
            int to = wf_words_match(s, blames[k], i);
            if (to > i && !wf_word_near(s, "without|no|never", i, 2))
                add(f, s, FINDING_BLAME, i, to);
        }
        int to = wf_words_match(s, with_provider, i);
        if (to > i &&
            !wf_word_near(
                s,
                "open|opened|opening|raise|raised|raising|file|filed|filing|report|reported|"
                "reporting|ticket|discuss|discussing|discussed|work|working|resolve|"
                "resolving|escalate|escalated|escalating|no",
                i, 5))
            add(f, s, FINDING_BLAME, i, to);
    }
}

// --- all together -------------------------------------------------------------------------------

static void sort(struct wf_draft_finding *f, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && f[k].start < f[k - 1].start; k--) {
            struct wf_draft_finding t = f[k];
            f[k] = f[k - 1];
            f[k - 1] = t;
        }
}

size_t wf_draft_check(const char *body, struct wf_draft_finding out[WF_DRAFT_FINDINGS_MAX])
{
    struct findings f = {out, 0};
    struct wf_sentence s;
    size_t at = 0, len = strnlen(body, WF_BODY_MAX);

    while (wf_sentence_next(body, len, &at, &s)) {
        find_times(&f, &s);
        find_causes(&f, &s);
        find_blame(&f, &s);
    }
    sort(out, f.n);
    return f.n;
}

const char *wf_draft_advice(int kind)
{
    switch (kind) {
    case FINDING_ETA:
        return "Promises a time of recovery. Say what is being done, and when the next update "
               "comes.";
    case FINDING_CAUSE:
        return "Presumes to know the cause. Say what is affected; the cause belongs in the "
               "post-mortem.";
    default:
        WF_ASSERT(kind == FINDING_BLAME);
        return "Shifts blame. Customers chose us: say what we are doing about it.";
    }
}

Watchfire__V1__DraftFinding *wf_draft_message(struct wf_arena *a, const char *body,
                                              const struct wf_draft_finding *f)
{
    V1(DraftFinding) *m = wf_arena_alloc(a, sizeof *m);

    watchfire__v1__draft_finding__init(m);
    m->kind = (V1(DraftFindingKind))f->kind;
    m->start = f->start;
    m->length = f->length;
    m->text = wf_arena_cut(a, body + f->start, f->length);
    m->advice = (char *)wf_draft_advice(f->kind);
    return m;
}
