// SPDX-License-Identifier: Apache-2.0
#include "cli/wrap.h"

#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

enum { LINE_MIN = 16 }; // narrower than that is harder to read than what the terminal makes of it

// The character at text, its bytes and columns.
static size_t next(const char *text, size_t len, unsigned *columns)
{
    mbstate_t state = {0};
    wchar_t c;
    size_t n = mbrtowc(&c, text, len, &state);
    if (n == 0 || n > len) { // not in this locale
        *columns = ((unsigned char)*text & 0xc0) != 0x80;
        return 1;
    }
    int w = wcwidth(c);
    *columns = w < 0 ? 1 : (unsigned)w;
    return n;
}

// What a character is does not hang on the caller's locale; without C.UTF-8 each takes one column.
static locale_t enter(locale_t *before)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    *before = utf8 ? uselocale(utf8) : (locale_t)0;
    return utf8;
}

static void leave(locale_t utf8, locale_t before)
{
    if (!utf8)
        return;
    uselocale(before);
    freelocale(utf8);
}

unsigned wf_wrap_width(const char *text, size_t len)
{
    unsigned sum = 0, columns;
    locale_t before, utf8 = enter(&before);
    for (size_t at = 0; at < len; sum += columns)
        at += next(text + at, len - at, &columns);
    leave(utf8, before);
    return sum;
}

// The bytes of text that the next line takes, without the space it ends at.
static size_t line_of(const char *text, size_t len, unsigned room)
{
    size_t at = 0, end = 0; // end: where the line may end
    unsigned used = 0, before = 0, columns;
    while (at < len) {
        size_t n = next(text + at, len - at, &columns);
        if (used > 0 && (text[at] == ' ' || (before == 2 && columns == 2)))
            end = at;
        if (used + columns > room && text[at] != ' ' && end > 0)
            return end;
        at += n;
        used += columns;
        before = columns;
    }
    return len;
}

void wf_wrap_print(FILE *out, const char *text, unsigned indent, unsigned width)
{
    locale_t before, utf8 = enter(&before);
    bool wrap = width >= indent + LINE_MIN;
    do {
        size_t len = strcspn(text, "\n"), n = wrap ? line_of(text, len, width - indent) : len;
        fwrite(text, 1, n, out);
        fputc('\n', out);
        text += n;
        if (n < len)
            text += strspn(text, " ");
        else
            text += *text == '\n';
        if (*text && *text != '\n')
            fprintf(out, "%*s", (int)indent, "");
    } while (*text);
    leave(utf8, before);
}
