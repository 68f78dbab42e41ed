// SPDX-License-Identifier: Apache-2.0
#include "state/words.h"

#include <string.h>

#include "base/assert.h"

// --- sentences ----------------------------------------------------------------------------------

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

// Bytes of an apostrophe, typewriter's or typographer's (U+2019), at p; 0 if there is none.
static size_t apostrophe(const char *p, size_t left)
{
    if (left >= 1 && *p == '\'')
        return 1;
    return left >= 3 && memcmp(p, "\xe2\x80\x99", 3) == 0 ? 3 : 0;
}

// Bytes at p that go on with a word that began before it: "04:00", "1.5", "we'll".
static size_t inside(const char *p, size_t left, char before)
{
    size_t a = apostrophe(p, left);

    if (a > 0)
        return a < left && is_letter(p[a]) && !apostrophe(p + a, left - a) ? a : 0;
    if (is_letter(*p) || is_digit(*p))
        return 1;
    return (*p == ':' || *p == '.') && is_digit(before) && left > 1 && is_digit(p[1]) ? 1 : 0;
}

// U+2013, U+2014 and U+2026 end a clause, they are no letters.
static bool is_dash(const char *p, size_t left)
{
    return left >= 3 && (memcmp(p, "\xe2\x80\x93", 3) == 0 || memcmp(p, "\xe2\x80\x94", 3) == 0 ||
                         memcmp(p, "\xe2\x80\xa6", 3) == 0);
}

static void take_word(const char *text, size_t len, size_t *at, struct wf_word *w)
{
    size_t n = 0, i = *at, step;

    w->start = (uint32_t)i;
    while (i < len && !is_dash(text + i, len - i) &&
           (step = i == *at ? 1 : inside(text + i, len - i, text[i - 1])) > 0) {
        char c = apostrophe(text + i, len - i) ? '\'' : text[i];
        if (n + 1 < sizeof w->text)
            w->text[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        i += step;
    }
    w->text[n] = '\0';
    w->end = (uint32_t)i;
    *at = i;
}

static bool ends_sentence(const char *p, size_t left)
{
    if (*p == '!' || *p == '?' || *p == ';')
        return true;
    if (*p == '.')
        return left == 1 || p[1] == ' ' || p[1] == '\n' || p[1] == '\r' || p[1] == '"';
    return *p == '\n' && left > 1 && (p[1] == '\n' || p[1] == '\r' || p[1] == '-' || p[1] == '*');
}

bool wf_sentence_next(const char *text, size_t len, size_t *at, struct wf_sentence *s)
{
    uint8_t clause = 0;

    s->n = 0;
    while (*at < len && s->n < WF_SENTENCE_WORDS) {
        const char *p = text + *at;
        if (is_dash(p, len - *at)) {
            clause++;
            *at += 3;
        } else if (is_letter(*p) || is_digit(*p)) {
            struct wf_word *w = &s->words[s->n++];
            take_word(text, len, at, w);
            clause += strcmp(w->text, "and") == 0 || strcmp(w->text, "or") == 0 ||
                      strcmp(w->text, "but") == 0;
            w->clause = clause;
        } else {
            bool end = ends_sentence(p, len - *at);
            clause += *p == ',' || *p == '(' || *p == ')' || *p == ':';
            ++*at;
            if (end && s->n > 0)
                return true;
        }
    }
    return s->n > 0;
}

// --- classes of words ---------------------------------------------------------------------------

// Whether a word is one of the alternatives in list[0..len).
static bool in(const char *word, const char *list, size_t len)
{
    const char *end = list + len;

    for (const char *p = list; p < end;) {
        const char *bar = memchr(p, '|', (size_t)(end - p));
        size_t n = (size_t)((bar != NULL ? bar : end) - p);
        bool beginning = n > 1 && p[n - 1] == '*';
        if (beginning ? strncmp(word, p, n - 1) == 0 : strlen(word) == n && memcmp(word, p, n) == 0)
            return true;
        p += n + 1;
    }
    return false;
}

bool wf_word_is(const struct wf_sentence *s, const char *alternatives, int i)
{
    return i >= 0 && i < s->n && in(s->words[i].text, alternatives, strlen(alternatives));
}

bool wf_word_near(const struct wf_sentence *s, const char *alternatives, int i, int n)
{
    for (int k = 1; k <= (n < 0 ? -n : n); k++)
        if (wf_word_is(s, alternatives, n < 0 ? i + k - 1 : i - k))
            return true;
    return false;
}

static const char units[] = "second|seconds|sec|secs|minute|minutes|min|mins|hour|hours|hr|hrs|day|"
                            "days|week|weeks|month|months";

static bool is_number(const struct wf_sentence *s, int i)
{
    if (i < s->n && strspn(s->words[i].text, "0123456789.,") == strlen(s->words[i].text))
        return true;
    return wf_word_is(
        s,
        "one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|"
        "forty|fifty|sixty|ninety|a|an|few|couple|several|half",
        i);
}

// "2h", "30min": number and unit in one word.
static bool is_glued(const struct wf_sentence *s, int i)
{
    size_t n = i < s->n ? strspn(s->words[i].text, "0123456789.") : 0;

    return n > 0 && in(s->words[i].text + n, "s|m|h|d|sec|secs|min|mins|hr|hrs", 32);
}

// "30 minutes", "one to two hours", "a couple of hours", "half an hour", "the next hour", "2h".
static int span(const struct wf_sentence *s, int i)
{
    int first = i;

    if (is_glued(s, i))
        return i + 1;
    if (wf_word_is(s, "the|this|that", i) && (wf_word_is(s, units, i + 1)))
        return i + 2; // "within the hour"
    while (i < s->n && i < first + 6 &&
           (is_number(s, i) || wf_word_is(s, "to|or|of|and|more|next|coming|another|the", i)))
        i++;
    return i > first && wf_word_is(s, units, i) &&
                   (is_number(s, i - 1) || wf_word_is(s, "of|next|more|coming|another", i - 1))
               ? i + 1
               : -1;
}

static int clock_time(const struct wf_sentence *s, int i)
{
    const char *w = i < s->n ? s->words[i].text : "";
    size_t n = strspn(w, "0123456789");
    const char *zones =
        "am|pm|a|utc|gmt|est|edt|cst|cdt|mst|mdt|pst|pdt|cet|cest|bst|o'clock|hours";

    if (wf_word_is(s, "noon|midnight|midday", i))
        return i + 1;
    if (n == 0 || n > 4)
        return -1;
    bool clock = w[n] == ':' || in(w + n, "am|pm|utc", 9);
    if (!clock && (w[n] != '\0' || !wf_word_is(s, zones, i + 1)))
        return -1;
    i++;
    while (wf_word_is(s, zones, i) || wf_word_is(s, "m", i))
        i++;
    return i;
}

static int day(const struct wf_sentence *s, int i)
{
    if (wf_word_is(
            s, "today|tonight|tomorrow|monday|tuesday|wednesday|thursday|friday|saturday|sunday",
            i))
        return i + 1;
    if (wf_word_is(s, "this|the", i) && wf_word_is(s, "morning|afternoon|evening|weekend", i + 1))
        return i + 2;
    i += wf_word_is(s, "the", i);
    if (!wf_word_is(s, "end|close", i) || !wf_word_is(s, "of", i + 1))
        return -1;
    i += 2;
    i += wf_word_is(s, "the|this|business", i);
    return wf_word_is(s, "day|week|month|hour|business|today", i) ? i + 1 : -1;
}

// A provider by name, or "our hosting provider" and the like; "'s" may be behind it.
static int provider(const struct wf_sentence *s, int i)
{
    int first = i;

    if (wf_word_is(s,
                   "amazon|amazon's|aws|aws's|ec2|azure|azure's|gcp|google|google's|microsoft|"
                   "microsoft's|cloudflare|cloudflare's|fastly|fastly's|akamai|akamai's|rackspace|"
                   "rackspace's|digitalocean|linode|github|github's|twilio|twilio's|pagerduty|"
                   "pagerduty's|oracle|oracle's|equinix|verizon|comcast",
                   i))
        return i + 1 + wf_word_is(s, "web|cloud", i + 1) * (1 + wf_word_is(s, "services", i + 2));
    while (
        i < s->n && i < first + 5 &&
        wf_word_is(s,
                   "our|the|a|an|one|of|another|their|upstream|external|underlying|third|party|"
                   "cloud|hosting|infrastructure|network|dns|cdn|storage|payment|payments|paging|"
                   "telecom|transit|data|center|centre|datacenter|database|email|platform|service|"
                   "internet|power|colocation",
                   i))
        i++;
    return wf_word_is(s,
                      "provider|providers|provider's|providers'|vendor|vendors|vendor's|supplier|"
                      "supplier's|suppliers|carrier|carrier's|isp|isp's|host's",
                      i)
               ? i + 1
               : -1;
}

// --- patterns -----------------------------------------------------------------------------------

static int class(const struct wf_sentence *s, const char *name, size_t len, int i)
{
    if (in("span", name, len))
        return span(s, i);
    if (in("clock", name, len))
        return clock_time(s, i);
    if (in("day", name, len))
        return day(s, i);
    WF_ASSERT(in("who", name, len));
    return provider(s, i);
}

// One element at word i: the index after it, or -1.
static int one(const struct wf_sentence *s, const char *p, size_t len, int i)
{
    if (i >= s->n)
        return -1;
    if (*p == '#')
        return class(s, p + 1, len - 1, i);
    return in(s->words[i].text, p, len) ? i + 1 : -1;
}

int wf_words_match(const struct wf_sentence *s, const char *pattern, int i)
{
    size_t len = strcspn(pattern, " ");
    const char *rest = pattern[len] != '\0' ? pattern + len + 1 : pattern + len;
    bool optional = *pattern == '?', many = *pattern == '&';
    int end = -1;

    if (*pattern == '\0')
        return i;
    if (*pattern == '_') {
        for (int k = 0; k <= 3 && i + k < s->n && end < 0; k++)
            end = wf_words_match(s, rest, i + k);
        return end;
    }
    if (!optional && !many) {
        i = one(s, pattern, len, i);
        return i < 0 ? -1 : wf_words_match(s, rest, i);
    }
    int after = i;
    for (int k = 0; k < (many ? 4 : 1) && after >= 0; k++) {
        int next = one(s, pattern + 1, len - 1, after);
        if (next < 0)
            break;
        after = next;
    }
    while (after > i && end < 0) // the longest that lets the rest match
        end = wf_words_match(s, rest, after--);
    return end >= 0 ? end : wf_words_match(s, rest, i);
}
