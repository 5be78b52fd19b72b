/* SPDX-License-Identifier: ISC */
/* Runs rounds of look-ups and checks every answer. */
#include "bench/bench.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define ORDER_LEN 65536

/* An order of hot texts, drawn before the clock starts. */
static const uint16_t *hot_order(void)
{
    static uint16_t order[ORDER_LEN];
    static bool drawn;
    for (size_t i = 0; !drawn && i < ORDER_LEN; i++)
        order[i] = (uint16_t)randombytes_uniform(HOT_TOKENS);
    drawn = true;
    return order;
}

static size_t run_hot(const struct lookups *l)
{
    const uint16_t *order = hot_order();
    size_t len = l->text_len != 0 ? l->text_len : TOKEN_TEXT_LEN, good = 0;
    for (size_t i = 0; i < l->count; i++)
        good += l->fn(l->arg, l->hot[order[i % ORDER_LEN]], len);
    return good;
}

static size_t run_uniform(const struct lookups *l)
{
    struct corpus *corpus = l->corpus;
    size_t at = corpus->next, good = 0;
    for (size_t i = 0; i < l->count; i++) {
        good += l->fn(l->arg, corpus->text[at], TOKEN_TEXT_LEN);
        at = at + 1 == corpus->count ? 0 : at + 1;
    }
    corpus->next = at;
    return good;
}

double lookups_run(void *arg)
{
    const struct lookups *l = arg;
    (void)hot_order();
    int64_t (*now)(void) = l->waits ? clock_ns : thread_ns;
    int64_t begin = now();
    size_t good = l->hot != NULL ? run_hot(l) : run_uniform(l);
    int64_t end = now();
    if (good != l->count)
        die("%zu of %zu answers are wrong", l->count - good, l->count);
    return (double)(end - begin) / (double)l->count;
}

static char (*copy_hot(struct corpus *corpus))[TOKEN_TEXT_LEN]
{
    char(*texts)[TOKEN_TEXT_LEN] = malloc(HOT_TOKENS * sizeof *texts);
    if (texts == NULL || corpus->count < HOT_TOKENS)
        die("no %d tokens to be hot", HOT_TOKENS);
    memcpy(texts, corpus->text, HOT_TOKENS * sizeof *texts);
    return texts;
}

const char (*hot_texts(struct corpus *corpus))[TOKEN_TEXT_LEN]
{
    return (const char(*)[TOKEN_TEXT_LEN])copy_hot(corpus);
}

const char (*malformed_texts(struct corpus *corpus, enum malformed kind))[TOKEN_TEXT_LEN]
{
    char(*texts)[TOKEN_TEXT_LEN] = copy_hot(corpus);
    for (size_t i = 0; i < HOT_TOKENS; i++) {
        char *last = &texts[i][TOKEN_TEXT_LEN - 1];
        if (kind == MALFORMED_PREFIX)
            texts[i][2] = 'q';
        else if (kind == MALFORMED_ALPHABET)
            texts[i][TOKEN_CHECKED_LEN - 1] = '-';
        else if (kind == MALFORMED_CHECKSUM)
            *last = *last == '0' ? '1' : '0';
    }
    return (const char(*)[TOKEN_TEXT_LEN])texts;
}
