/* SPDX-License-Identifier: ISC */
/* What `list` and `entity list` share: the options that choose columns, order and form, and the
   output of the rows. */
#ifndef ESPT_CLI_LISTING_H
#define ESPT_CLI_LISTING_H

#include "cli/columns.h"

#define LISTING_OPTIONS \
    (BIT(OPTION_SORT) | BIT(OPTION_COLUMNS) | BIT(OPTION_NO_HEADERS) | BIT(OPTION_QUIET))

struct listing {
    struct cli *cli;
    const struct column_set *set;
    struct row_context context;
    struct chosen chosen;
    const struct column *order; /* NULL: as the store gives them, in order of name */
    bool reverse;
    bool tree;
    bool keeps; /* rows are kept until all are read */
    struct json_stream json;
    struct table_view *view;
    struct kept *kept;
    size_t kept_count, kept_room;
    struct entity *entities; /* of the rows that are kept; each once */
    size_t entity_count, entity_room;
};

/* Parses the options. `all`: not of one entity only. `tree`: rows are kept, and drawn as a tree.
   The caller calls listing_end(). */
ESPT_MUST_USE int listing_begin(struct listing *ret_listing, struct cli *cli,
                                const struct column_set *set, bool all, bool tree,
                                struct espt_error *err);
/* After cli_store(): begins the output. */
ESPT_MUST_USE int listing_open(struct listing *listing, struct espt_error *err);
/* Whether the columns or the order need the counts of all hosts. */
bool listing_by_uses(const struct listing *listing);
/* Prints the row, or keeps a copy. */
ESPT_MUST_USE int listing_row(struct listing *listing, const struct row *row,
                              struct espt_error *err);
/* True: give all rows again (table_again()). */
bool listing_again(struct listing *listing);
/* Returns the rows that were kept, in their order; the caller frees them. NULL: out of memory. */
ESPT_MUST_USE struct row *listing_rows(struct listing *listing, struct espt_error *err);
/* Prints the rows that were kept, unless they are a tree's, and ends the output. */
ESPT_MUST_USE int listing_print(struct listing *listing, struct espt_error *err);
/* True: the list is a table at a terminal, so a line with totals follows it. */
bool listing_has_totals(const struct listing *listing);
void listing_end(struct listing *listing);

#endif
