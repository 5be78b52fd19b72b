/* SPDX-License-Identifier: ISC */
/* Text that breaks at blanks, so that it fits the terminal. */
#include "cli/output.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

/* The bytes of the colour sequence at `text`: ESC [ ... m. 0: there is none. */
static size_t sequence_len(const char *text, size_t len)
{
    if (len < 3 || text[0] != '\033' || text[1] != '[')
        return 0;
    const size_t parameters = strspn(text + 2, "0123456789;");
    return 2 + parameters < len && text[2 + parameters] == 'm' ? parameters + 3 : 0;
}

/* The columns that the next `len` bytes take. Colours take none. */
static size_t word_columns(const char *text, size_t len)
{
    size_t columns = 0;
    mbstate_t state = {0};
    for (size_t at = 0; at < len;) {
        wchar_t letter;
        const size_t sequence = sequence_len(text + at, len - at);
        if (sequence > 0) {
            at += sequence;
            continue;
        }
        size_t used = mbrtowc(&letter, text + at, len - at, &state);
        const bool wrong = used == 0 || used > len - at;
        const int width = wrong ? 1 : wcwidth(letter);
        if (wrong)
            state = (mbstate_t){0};
        at += wrong ? 1 : used;
        columns += width > 0 ? (size_t)width : 0;
    }
    return columns;
}

void print_wrapped(const char *text, size_t column, size_t indent, size_t width)
{
    size_t blanks = 0; /* before the next word, on its line */
    for (bool first = true; *text != '\0'; first = false) {
        const size_t len = strcspn(text, " \n");
        const size_t columns = word_columns(text, len);
        if (!first && blanks > 0 && column + blanks + columns > width) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else {
            printf("%*s", (int)blanks, "");
            column += blanks;
        }
        fwrite(text, 1, len, stdout);
        column += columns;
        text += len;
        blanks = strspn(text, " ");
        text += blanks;
        if (*text == '\n') {
            printf("\n\n%*s", (int)indent, "");
            column = indent;
            blanks = 0;
            text++;
        }
    }
    putchar('\n');
}
