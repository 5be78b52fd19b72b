#include "cli/output.h"

#include "common/when.h"

#include <langinfo.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

/* So many lines are laid out together; the next ones are no narrower. A tree is laid out as one. */
#define BLOCK 1000

struct table_view {
    struct libscols_table *table;
    size_t columns;
    bool tree, printed;
    bool lacks; /* something, for want of memory */
    const char *const *names;
};

/* How the columns of that name give way at a narrow terminal; the others never do. */
static const struct {
    const char *name;
    int flags;
} ways[] = {
    {"ENTITY", SCOLS_FL_TRUNC}, {"NAME", SCOLS_FL_TRUNC},   {"RESELLER", SCOLS_FL_TRUNC},
    {"LABEL", SCOLS_FL_TRUNC},  {"TIER", SCOLS_FL_TRUNC},   {"SUBJECT", SCOLS_FL_TRUNC},
    {"METRICS", SCOLS_FL_WRAP}, {"MESSAGE", SCOLS_FL_WRAP}, {"DETAIL", SCOLS_FL_WRAP},
    {"USES", SCOLS_FL_RIGHT},   {"RANK", SCOLS_FL_RIGHT},
};

static int flags_of(const char *name)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (strcmp(ways[i].name, name) == 0)
            return ways[i].flags;
    }
    return 0;
}

/* Characters: bytes that continue one are none. */
static size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += (*text & 0xC0) != 0x80;
    return width;
}

/* A copy with its blanks made line ends where it would be wider than half the terminal; a longer
   word stays whole. The caller frees it. */
static char *fold(const char *text, size_t width)
{
    char *folded = strdup(text), *line = folded, *blank = NULL;
    if (folded == NULL)
        return NULL;
    for (char *at = strchr(folded, ' ');; at = strchr(at + 1, ' ')) {
        if (at != NULL)
            *at = '\0';
        const bool beyond = text_width(line) > width;
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

int table_new(struct table_view **ret_view, const char *const *columns, bool tree,
              struct espt_error *err)
{
    struct table_view *view = calloc(1, sizeof *view);
    struct libscols_table *table = scols_new_table();
    if (view == NULL || table == NULL) {
        free(view);
        scols_unref_table(table);
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    }
    /* names as they are, not as \x: but where there is no UTF-8 at all, that would never end */
    scols_table_enable_noencoding(table, strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
    scols_table_enable_ascii(table, !in_utf8());
    view->names = columns;
    view->tree = tree;
    for (; columns[view->columns] != NULL; view->columns++) {
        const char *name = columns[view->columns];
        struct libscols_column *column = scols_table_new_column(
            table, name, 0, flags_of(name) | (tree && view->columns == 0 ? SCOLS_FL_TREE : 0));
        if (column == NULL)
            view->lacks = true;
        else if (scols_column_is_wrap(column))
            scols_column_set_wrapfunc(column, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL);
    }
    scols_table_enable_colors(table, in_colour(stdout));
    /* a pipe gets whole names, however narrow the terminal that a script was started from */
    scols_table_set_termforce(table,
                              at_terminal(stdout) ? SCOLS_TERMFORCE_AUTO : SCOLS_TERMFORCE_NEVER);
    view->table = table;
    *ret_view = view;
    return 0;
}

static const char *colour_of(const char *column, const char *cell)
{
    if (strcmp(column, "STATUS") == 0)
        return status_colour(cell);
    if (strcmp(column, "EXPIRES") == 0 && strncmp(cell, "in ", 3) == 0)
        return "brown";
    if (strcmp(column, "TOKENS") == 0 && strstr(cell, "over the limit") != NULL)
        return "red";
    if (strcmp(column, "OUTCOME") == 0 && strcmp(cell, "not reached") != 0)
        return strcmp(cell, "pass") == 0 ? "green" : "red";
    return NULL;
}

/* Prints what there is, so that a long list takes no memory. */
static void print_block(struct table_view *view)
{
    if (view->lacks || scols_print_table(view->table) != 0) {
        view->lacks = true;
        return;
    }
    for (size_t i = 0; i < view->columns; i++) {
        struct libscols_column *column = scols_table_get_column(view->table, i);
        scols_column_set_whint(column, (double)scols_column_get_width(column));
    }
    scols_table_remove_lines(view->table);
    scols_table_enable_noheadings(view->table, 1);
    view->printed = true;
}

void *table_line(struct table_view *view, void *parent, const char *const *cells)
{
    if (!view->tree && scols_table_get_nlines(view->table) == BLOCK)
        print_block(view);
    struct libscols_line *line = scols_table_new_line(view->table, parent);
    if (line == NULL)
        view->lacks = true;
    for (size_t i = 0; !view->lacks && i < view->columns; i++) {
        const char *colour = colour_of(view->names[i], cells[i]);
        char *folded = NULL;
        if (at_terminal(stdout) && flags_of(view->names[i]) == SCOLS_FL_WRAP)
            folded = fold(cells[i], scols_table_get_termwidth(view->table) / 2);
        if (scols_line_set_data(line, i, folded != NULL ? folded : cells[i]) != 0)
            view->lacks = true;
        free(folded);
        if (colour != NULL)
            scols_cell_set_color(scols_line_get_cell(line, i), colour);
    }
    return line;
}

int table_print(struct table_view *view, const char *things, struct espt_error *err)
{
    if (scols_table_get_nlines(view->table) > 0)
        print_block(view);
    else if (!view->printed && at_terminal(stdout))
        fprintf(stderr, "no %s\n", things);
    return view->lacks ? espt_fail(err, ESPT_UNUSABLE, "out of memory: the table is not whole") : 0;
}

void table_free(struct table_view *view)
{
    if (view == NULL)
        return;
    scols_unref_table(view->table);
    free(view);
}
