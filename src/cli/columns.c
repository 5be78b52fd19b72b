/* SPDX-License-Identifier: ISC */
#include "cli/columns.h"

#include "cli/operand.h"

#include <stdio.h>
#include <string.h>

const struct column *column_find(const struct column_set *set, const char *word)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->columns[i].word, word) == 0)
            return &set->columns[i];
    }
    return NULL;
}

void column_words(const struct column_set *set, char out[static COLUMNS_WORDS_SIZE])
{
    size_t used = 0;
    for (size_t i = 0; i < set->count && used < COLUMNS_WORDS_SIZE; i++)
        used += (size_t)snprintf(out + used, COLUMNS_WORDS_SIZE - used, "%s%s",
                                 i == 0                ? ""
                                 : i + 1 == set->count ? " or "
                                                       : ", ",
                                 set->columns[i].word);
}

void columns_text(const struct column_set *set, char out[static COLUMNS_TEXT_SIZE])
{
    char words[COLUMNS_WORDS_SIZE];
    column_words(set, words);
    snprintf(out, COLUMNS_TEXT_SIZE,
             "COLUMN is %s. COLUMNS are one or more of them, separated by commas.", words);
}

/* Lowest rank first. Tiers that the table lacks come last, in order of name. */
int compare_tiers(const struct entity *a, const struct entity *b, const struct row_context *context)
{
    const struct tier *left = tier_of(a, context->tiers), *right = tier_of(b, context->tiers);
    const int result = compare_numbers(left != NULL ? left->rank : UINT32_MAX,
                                       right != NULL ? right->rank : UINT32_MAX);
    return result != 0 ? result : strcmp(a->tier, b->tier);
}

/* --- the choice --- */

static void choose_usual(struct chosen *chosen, const struct column_set *set, bool all)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct column *column = &set->columns[i];
        if (column->shown == SHOWN || (column->shown == SHOWN_OF_ALL && all))
            chosen->column[chosen->count++] = column;
    }
}

static int fail_column(const struct column_set *set, const char *word, const char *what,
                       struct espt_error *err)
{
    char words[COLUMNS_WORDS_SIZE];
    column_words(set, words);
    espt_fail(err, ESPT_USAGE, "%s; --columns takes %s, separated by commas", what, words);
    return word[0] != '\0' ? fail_naming(err, word) : ESPT_USAGE;
}

static int choose_one(struct chosen *chosen, const struct column_set *set, const char *word,
                      struct espt_error *err)
{
    const struct column *column = column_find(set, word);
    if (column == NULL)
        return fail_column(set, word, word[0] != '\0' ? "no such column" : "a column is missing",
                           err);
    for (size_t i = 0; i < chosen->count; i++) {
        if (chosen->column[i] == column)
            return fail_column(set, word, "the column is named twice; keep one", err);
    }
    chosen->column[chosen->count++] = column;
    return 0;
}

int columns_choose(struct chosen *ret_chosen, const struct column_set *set, bool all,
                   const char *text, struct espt_error *err)
{
    struct chosen chosen = {0};
    const bool adds = text != NULL && text[0] == '+';
    if (text == NULL || adds)
        choose_usual(&chosen, set, all);
    for (const char *at = adds ? text + 1 : text; at != NULL;) {
        char word[32];
        const size_t len = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word), at);
        const int code = choose_one(&chosen, set, word, err);
        if (code != 0)
            return code;
        at = at[len] == ',' ? at + len + 1 : NULL;
    }
    *ret_chosen = chosen;
    return 0;
}

/* --- the table --- */

void columns_titles(const struct chosen *chosen,
                    struct table_column ret_columns[static TABLE_COLUMNS_MAX + 1])
{
    for (size_t i = 0; i < chosen->count; i++)
        ret_columns[i] = chosen->column[i]->table;
    ret_columns[chosen->count] = (struct table_column){0};
}

void *columns_line(const struct chosen *chosen, struct table_view *view, void *parent,
                   const struct row *row, const struct row_context *context)
{
    char text[TABLE_COLUMNS_MAX][CELL_SIZE];
    struct table_cell cells[TABLE_COLUMNS_MAX];
    for (size_t i = 0; i < chosen->count; i++) {
        cells[i] = (struct table_cell){.text = i == 0 ? "platform" : ""};
        if (row != NULL)
            cells[i] = chosen->column[i]->cell(row, context, text[i]);
    }
    return table_line(view, parent, cells);
}
