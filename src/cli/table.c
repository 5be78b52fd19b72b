/* SPDX-License-Identifier: ISC */
/* Tables and trees: widths are measured and cells are cut here, libsmartcols draws. */
#include "cli/output.h"

#include "common/when.h"

#include <langinfo.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

/* Lines of a long table that are laid out together. */
#define BLOCK 1000
#define NARROWEST 4 /* a column is not cut to less, nor to less than its title */
#define ESCAPED 4   /* columns that libsmartcols takes for a byte that it escapes: \xHH */

struct table_view {
    struct libscols_table *table;
    struct table_column column[TABLE_COLUMNS_MAX];
    size_t columns;
    size_t width[TABLE_COLUMNS_MAX]; /* columns on the screen that the widest cell so far takes */
    size_t bytes[TABLE_COLUMNS_MAX]; /* of the longest cell so far, or title */
    enum table_form form;
    bool beyond;  /* there are more lines than a block: they were only measured */
    bool again;   /* the lines are given for the second time */
    bool printed; /* a block was */
    bool lacks;   /* memory ran out: the table is incomplete */
};

/* Returns a copy in which blanks become line ends, so that no line is wider than `width`. A longer
   word stays whole. The caller frees the copy. */
static char *fold(const char *text, size_t width)
{
    char *folded = strdup(text), *line = folded, *blank = NULL;
    if (folded == NULL)
        return NULL;
    for (char *at = strchr(folded, ' ');; at = strchr(at + 1, ' ')) {
        if (at != NULL)
            *at = '\0';
        const bool beyond = text_columns(line) > width;
        if (at != NULL)
            *at = ' ';
        if (beyond && blank != NULL) {
            *blank = '\n';
            line = blank + 1;
        }
        if (at == NULL)
            return folded;
        blank = at;
    }
}

void table_begin(void)
{
    scols_init_debug(0);
}

static void add_column(struct table_view *view, const struct table_column *wanted)
{
    const bool is_tree = view->form == TABLE_TREE && view->columns == 0;
    const int flags = (wanted->fit == TO_THE_RIGHT ? SCOLS_FL_RIGHT : 0) |
                      (wanted->fit == WRAPPED ? SCOLS_FL_WRAP : 0) | (is_tree ? SCOLS_FL_TREE : 0);
    struct libscols_column *column = scols_table_new_column(view->table, wanted->title, 0, flags);
    if (column == NULL) {
        view->lacks = true;
        return;
    }
    if (scols_column_is_wrap(column))
        scols_column_set_wrapfunc(column, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL);
    scols_cell_set_color(scols_column_get_header(column), colour_name(COLOUR_BOLD));
    view->column[view->columns] = *wanted;
    view->bytes[view->columns] = strlen(wanted->title);
    view->width[view->columns++] = text_columns(wanted->title);
}

int table_new(struct table_view **ret_view, const struct table_column *columns,
              enum table_form form, struct espt_error *err)
{
    struct table_view *view = calloc(1, sizeof *view);
    struct libscols_table *table = scols_new_table();
    if (view == NULL || table == NULL) {
        free(view);
        scols_unref_table(table);
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    }
    /* print names unchanged, not as \x; without UTF-8 libsmartcols would loop for ever */
    scols_table_enable_noencoding(table, strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
    scols_table_enable_minout(table, 1); /* no blanks after the last text of a line */
    scols_table_enable_ascii(table, !in_utf8());
    scols_table_enable_colors(table, in_colour(stdout));
    scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS);
    *view = (struct table_view){.table = table, .form = form};
    for (; columns->title != NULL && view->columns < TABLE_COLUMNS_MAX; columns++)
        add_column(view, columns);
    *ret_view = view;
    return 0;
}

void table_leave_out_headers(struct table_view *view)
{
    scols_table_enable_noheadings(view->table, 1);
    for (size_t i = 0; i < view->columns; i++) {
        /* libsmartcols gives a column the width of its title even then */
        struct libscols_column *column = scols_table_get_column(view->table, i);
        if (scols_cell_set_data(scols_column_get_header(column), "") != 0)
            view->lacks = true;
        view->column[i].title = "";
        view->width[i] = 0;
    }
}

/* --- layout --- */

/* Narrows the widest columns until a line fits the terminal. A pipe gets whole names, whatever the
   width of the script's terminal. */
static void narrow(const struct table_view *view, size_t room[static TABLE_COLUMNS_MAX])
{
    size_t total = view->columns - 1; /* the blanks between them */
    for (size_t i = 0; i < view->columns; i++)
        total += room[i] = view->width[i];
    for (const size_t most = terminal_columns(); at_terminal(stdout) && total > most; total--) {
        size_t widest = TABLE_COLUMNS_MAX, width = NARROWEST;
        for (size_t i = 0; i < view->columns; i++) {
            const bool narrows = view->column[i].fit == CUT || view->column[i].fit == WRAPPED;
            if (narrows && room[i] > width && room[i] > text_columns(view->column[i].title)) {
                widest = i;
                width = room[i];
            }
        }
        if (widest == TABLE_COLUMNS_MAX)
            return;
        room[widest]--;
    }
}

/* The columns that libsmartcols draws before the text of this line. */
static size_t tree_columns(const struct table_view *view, const struct libscols_line *line)
{
    size_t columns = 0;
    if (view->form == TABLE_TREE) {
        while ((line = scols_line_get_parent(line)) != NULL)
            columns += 2;
    }
    return columns;
}

static void fit_cell(struct table_view *view, struct libscols_line *line, size_t i, size_t room)
{
    struct libscols_cell *cell = scols_line_get_cell(line, i);
    const char *text = scols_cell_get_data(cell);
    const size_t tree = i == 0 ? tree_columns(view, line) : 0;
    room = room > tree ? room - tree : 1;
    if (text == NULL || text_columns(text) <= room)
        return;
    char *fitted = view->column[i].fit == WRAPPED ? fold(text, room) : text_cut(text, room);
    if (fitted == NULL || scols_cell_set_data(cell, fitted) != 0)
        view->lacks = true;
    free(fitted);
}

static void fit_column(struct table_view *view, size_t i, size_t room)
{
    struct libscols_iter *at = scols_new_iter(SCOLS_ITER_FORWARD);
    struct libscols_line *line;
    view->lacks = view->lacks || at == NULL;
    while (at != NULL && scols_table_next_line(view->table, at, &line) == 0)
        fit_cell(view, line, i, room);
    scols_free_iter(at);
}

/* libsmartcols must not cut, because it would not mark the place: its lines are longer than any. It
   clears a buffer of that length. */
static void set_length(struct table_view *view)
{
    size_t length = 1;
    for (size_t i = 0; i < view->columns; i++)
        length += view->width[i] + ESCAPED * view->bytes[i] + 1;
    scols_table_set_termwidth(view->table, length);
}

/* Prints the lines so far, so that a long list takes no memory. */
static void print_block(struct table_view *view)
{
    size_t room[TABLE_COLUMNS_MAX] = {0};
    set_length(view);
    narrow(view, room);
    for (size_t i = 0; i < view->columns; i++) {
        /* the last column gets no trailing blanks */
        if (i + 1 < view->columns || view->column[i].fit == TO_THE_RIGHT)
            scols_column_set_whint(scols_table_get_column(view->table, i), (double)room[i]);
        if (room[i] < view->width[i])
            fit_column(view, i, room[i]);
    }
    if (view->lacks || scols_print_table(view->table) != 0) {
        view->lacks = true;
        return;
    }
    scols_table_remove_lines(view->table);
    scols_table_enable_noheadings(view->table, 1);
    view->printed = true;
}

static void set_cell(struct table_view *view, struct libscols_line *line, size_t i,
                     const struct table_cell *cell)
{
    const char *colour = colour_name(cell->colour);
    char *shown = at_terminal(stdout) ? text_cut(cell->text, SIZE_MAX) : NULL;
    const bool lacks = shown == NULL && at_terminal(stdout);
    if (lacks || scols_line_set_data(line, i, shown != NULL ? shown : cell->text) != 0)
        view->lacks = true;
    free(shown);
    if (colour != NULL && !view->lacks)
        scols_cell_set_color(scols_line_get_cell(line, i), colour);
}

static void measure(struct table_view *view, size_t tree, const struct table_cell *cells)
{
    for (size_t i = 0; i < view->columns; i++) {
        const size_t width = text_columns(cells[i].text) + (i == 0 ? tree : 0);
        const size_t bytes = strlen(cells[i].text);
        if (width > view->width[i])
            view->width[i] = width;
        if (bytes > view->bytes[i])
            view->bytes[i] = bytes;
    }
}

void *table_line(struct table_view *view, void *parent, const struct table_cell *cells)
{
    const bool is_full = view->form == TABLE_LONG && scols_table_get_nlines(view->table) == BLOCK;
    if (is_full && view->again)
        print_block(view);
    struct libscols_line *line = NULL;
    if (is_full && !view->again)
        view->beyond = true;
    else
        line = scols_table_new_line(view->table, parent);
    view->lacks = view->lacks || (line == NULL && !view->beyond);
    measure(view, line != NULL ? tree_columns(view, line) : 0, cells);
    for (size_t i = 0; line != NULL && !view->lacks && i < view->columns; i++)
        set_cell(view, line, i, &cells[i]);
    return line;
}

bool table_again(struct table_view *view)
{
    if (view == NULL || !view->beyond || view->again)
        return false;
    scols_table_remove_lines(view->table);
    view->again = true;
    return true;
}

void print_none(const char *things)
{
    if (at_terminal(stdout))
        fprintf(stderr, "no %s\n", things);
}

int table_print(struct table_view *view, const char *things, struct espt_error *err)
{
    if (scols_table_get_nlines(view->table) > 0)
        print_block(view);
    else if (!view->printed)
        print_none(things);
    return view->lacks ? espt_fail(err, ESPT_UNUSABLE,
                                   "out of memory: the table is incomplete; list fewer rows")
                       : 0;
}

void table_free(struct table_view *view)
{
    if (view == NULL)
        return;
    scols_unref_table(view->table);
    free(view);
}
