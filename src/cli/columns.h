/* SPDX-License-Identifier: ISC */
/*
 * The columns of `list` and of `entity list`. One entry defines a column's word, header, width,
 * cells with colours, and sort order. Table, --columns, --sort, refusals, help, manual and
 * completion follow from the arrays.
 */
#ifndef ESPT_CLI_COLUMNS_H
#define ESPT_CLI_COLUMNS_H

#include "cli/output.h"

#define CELL_SIZE 64
#define COLUMNS_WORDS_SIZE 192

/* One line of a list. */
struct row {
    const struct token *token; /* NULL in a list of entities */
    const struct entity *entity;
    const struct token *successor; /* of a retiring secret, if that is in the list too */
};
struct row_context {
    const struct tier_table *tiers; /* NULL: the table is broken */
    int64_t now;
};

struct column {
    const char *word; /* for --columns and --sort */
    struct table_column table;
    struct table_cell (*cell)(const struct row *row, const struct row_context *context,
                              char out[static CELL_SIZE]);
    int (*compare)(const struct row *a, const struct row *b, const struct row_context *context);
    enum {
        SHOWN,
        SHOWN_OF_ALL, /* not in a list of one entity's tokens */
        ON_DEMAND     /* only with --columns */
    } shown;
    bool by_uses;  /* needs the counts of all hosts */
    bool at_sites; /* an edge of a fleet does not know it */
};
struct column_set {
    const struct column *columns;
    size_t count;
    const char *things; /* "tokens" */
    const char *key;    /* the column that -q prints */
};
extern const struct column_set token_columns, entity_columns;

/* Finds the column; NULL: none. */
const struct column *column_find(const struct column_set *set, const char *word);
/* Writes the words, as in "entity, name or uses". */
void column_words(const struct column_set *set, char out[static COLUMNS_WORDS_SIZE]);

/* Writes what help and manual say about COLUMN and COLUMNS. */
#define COLUMNS_TEXT_SIZE (COLUMNS_WORDS_SIZE + 128)
void columns_text(const struct column_set *set, char out[static COLUMNS_TEXT_SIZE]);

/* The chosen columns, in the order in which they are shown. */
struct chosen {
    const struct column *column[TABLE_COLUMNS_MAX];
    size_t count;
};
/* Chooses the columns that `text`, the argument of --columns, names: WORD,WORD or, in addition to
   the usual ones, +WORD,WORD. `text` NULL: the usual ones. */
ESPT_MUST_USE int columns_choose(struct chosen *ret_chosen, const struct column_set *set, bool all,
                                 const char *text, struct espt_error *err);
/* Fills the columns of the table; an empty column ends `ret_columns`. */
void columns_titles(const struct chosen *chosen,
                    struct table_column ret_columns[static TABLE_COLUMNS_MAX + 1]);
/* Adds a line and returns it. `row` NULL: the platform, at the root of a tree. */
void *columns_line(const struct chosen *chosen, struct table_view *view, void *parent,
                   const struct row *row, const struct row_context *context);

/* For the files that define columns. */
#define CELL(name)                                                                                 \
    static struct table_cell name##_cell(const struct row *row, const struct row_context *context, \
                                         char out[static CELL_SIZE])
#define ORDER(name)                                                \
    static int by_##name(const struct row *a, const struct row *b, \
                         const struct row_context *context)
#define TEXT_CELL(name, field)         \
    CELL(name)                         \
    {                                  \
        (void)context, (void)out;      \
        return plain_cell(row->field); \
    }
#define TEXT_ORDER(name, field)            \
    ORDER(name)                            \
    {                                      \
        (void)context;                     \
        return strcmp(a->field, b->field); \
    }
#define NUMBER_ORDER(name, field)                                       \
    ORDER(name)                                                         \
    {                                                                   \
        (void)context;                                                  \
        return compare_numbers((uint64_t)a->field, (uint64_t)b->field); \
    }
static inline struct table_cell plain_cell(const char *text)
{
    return (struct table_cell){.text = text[0] != '\0' ? text : "-"};
}
static inline int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}
int compare_tiers(const struct entity *a, const struct entity *b,
                  const struct row_context *context);

#endif
