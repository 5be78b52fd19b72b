/* SPDX-License-Identifier: ISC */
#include "portal/page.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define PLACE_TEXT (16 + TOKEN_NAME_MAX + 1)

/* In lower case. False: it is too long, or not text in this locale. */
static bool fold(const char *text, wchar_t *out, size_t size)
{
    const size_t len = mbstowcs(out, text, size);
    if (len >= size)
        return false;
    for (size_t i = 0; i < len; i++)
        out[i] = (wchar_t)towlower((wint_t)out[i]);
    return true;
}

bool page_seeks(const struct page *page, const char *const *texts, size_t count)
{
    wchar_t folded[NOTE_MAX + 1];
    if (page->sought[0] == L'\0')
        return true;
    for (size_t i = 0; i < count; i++) {
        if (fold(texts[i], folded, sizeof folded / sizeof *folded) &&
            wcsstr(folded, page->sought) != NULL)
            return true;
    }
    return false;
}

json_t *page_cursor(const struct place *last)
{
    char text[PLACE_TEXT], cursor[sodium_base64_ENCODED_LEN(PLACE_TEXT, VARIANT)];
    const int len =
        snprintf(text, sizeof text, "%016llx%s", (unsigned long long)last->key, last->name);
    sodium_bin2base64(cursor, sizeof cursor, (const uint8_t *)text, (size_t)len, VARIANT);
    return json_string(cursor);
}

static bool cursor_parse(const char *cursor, struct place *ret_place)
{
    char text[PLACE_TEXT], key[17], *end;
    size_t len;
    if (sodium_base642bin((uint8_t *)text, sizeof text - 1, cursor, strlen(cursor), NULL, &len,
                          NULL, VARIANT) != 0 ||
        len < 16)
        return false;
    text[len] = '\0';
    memcpy(key, text, 16);
    key[16] = '\0';
    ret_place->key = (int64_t)strtoull(key, &end, 16);
    memcpy(ret_place->name, text + 16, len - 16 + 1);
    return *end == '\0' && strlen(text) == len;
}

static bool column_parse(struct page *page, const char *sort, const char *const *columns)
{
    page->down = sort[0] == '-';
    for (page->column = 0; columns[page->column] != NULL; page->column++) {
        if (strcmp(columns[page->column], sort + page->down) == 0)
            return true;
    }
    return false;
}

int page_limit(const struct request_in *request, size_t *ret_limit, struct answer *answer,
               struct espt_error *err)
{
    const char *text = request->field[FIELD_LIMIT];
    unsigned long limit = PAGE_DEFAULT;
    if (text != NULL)
        limit = strlen(text) <= 3 && strspn(text, "0123456789") == strlen(text)
                    ? strtoul(text, NULL, 10)
                    : 0;
    if (limit == 0 || limit > PAGE_MAX)
        return answer_usage(answer, FIELD_LIMIT, err, "limit is a number from 1 to %d", PAGE_MAX);
    *ret_limit = limit;
    return 0;
}

int page_parse(struct page *ret_page, const struct request_in *request, const char *const *columns,
               struct answer *answer, struct espt_error *err)
{
    const char *sort = request->field[FIELD_SORT], *cursor = request->field[FIELD_CURSOR];
    const char *q = request->field[FIELD_Q];
    struct page page = {0};
    int code = page_limit(request, &page.limit, answer, err);
    if (code != 0)
        return code;
    if (sort != NULL && !column_parse(&page, sort, columns))
        return answer_usage(answer, FIELD_SORT, err, "sort is not a column of this list");
    page.continues = cursor != NULL;
    if (page.continues && !cursor_parse(cursor, &page.after))
        return answer_usage(answer, FIELD_CURSOR, err,
                            "cursor is not one that this portal gave; begin at the first page");
    if (q != NULL && !fold(q, page.sought, sizeof page.sought / sizeof *page.sought))
        return answer_usage(answer, FIELD_Q, err, "q is at most %d characters", TOKEN_NAME_MAX);
    *ret_page = page;
    return 0;
}

static int compare(const struct place *a, const struct place *b, bool down)
{
    int order = (a->key > b->key) - (a->key < b->key);
    if (order == 0)
        order = strcmp(a->name, b->name);
    return down ? -order : order;
}

static int compare_items(const void *a, const void *b, void *page)
{
    const struct place *const *left = a, *const *right = b;
    return compare(*left, *right, ((const struct page *)page)->down);
}

void page_cut(const struct page *page, const struct place **items, size_t count, size_t *ret_first,
              size_t *ret_count)
{
    size_t first = 0;
    if (count > 0) /* else `items` may be NULL */
        qsort_r(items, count, sizeof *items, compare_items, (void *)(uintptr_t)page);
    while (page->continues && first < count && compare(items[first], &page->after, page->down) <= 0)
        first++;
    *ret_first = first;
    *ret_count = count - first < page->limit ? count - first : page->limit;
}
