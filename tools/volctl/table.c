/*
 * Tables with libsmartcols, which nothing else here knows of.
 *
 * Texts are escaped before the library sees them and its own escaping is off
 * (`noencoding`), so that one rule says what reaches the terminal. Its cutting
 * is off too: it leaves no mark, and cuts down to nothing where the other columns
 * are too wide anyway.
 */
#include "tools/volctl/table.h"

#include "catalog/cleanup.h"
#include "catalog/name.h"
#include "tools/volctl/text.h"

#include <errno.h>
#include <libsmartcols.h>
#include <string.h>
#include <sys/ioctl.h>

struct table {
    struct libscols_table *scols;
    const struct column *columns;
    size_t count; /* of columns */
};

enum {
    NAME_DIGITS = 12, /* of an anonymous name, as engines show ids */
    CUT_LEAST = 12,   /* columns below which a text says nothing any more */
};

struct table *table_new(const struct column *columns, size_t count)
{
    struct table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->columns = columns;
    table->count = count;
    table->scols = scols_new_table();
    if (!table->scols)
        return table_free(table);
    scols_table_enable_noencoding(table->scols, 1);
    for (size_t i = 0; i < count; i++) {
        if (!scols_table_new_column(table->scols, columns[i].name, 0,
                                    columns[i].right ? SCOLS_FL_RIGHT : 0))
            return table_free(table);
    }
    return table;
}

struct table *table_free(struct table *table)
{
    if (table) {
        scols_unref_table(table->scols);
        free(table);
    }
    return NULL;
}

void table_free_p(struct table **table)
{
    table_free(*table);
}

int table_add(struct table *table, const char *const *texts)
{
    struct libscols_line *line = scols_table_new_line(table->scols, NULL);

    if (!line)
        return -ENOMEM;
    for (size_t i = 0; i < table->count; i++) {
        _cleanup_(free_p) char *escaped = text_escape(texts[i] && *texts[i] ? texts[i] : "-");

        if (!escaped || scols_line_set_data(line, i, escaped) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* The library prints nothing for a table without lines; the header says what there is none of. */
static int table_print_header(struct table *table, FILE *stream)
{
    struct libscols_iter *columns = scols_new_iter(SCOLS_ITER_FORWARD);
    struct libscols_column *column;
    const char *gap = "";

    if (!columns)
        return -ENOMEM;
    while (scols_table_next_column(table->scols, columns, &column) == 0) {
        fprintf(stream, "%s%s", gap, scols_cell_get_data(scols_column_get_header(column)));
        gap = " ";
    }
    fputc('\n', stream);
    scols_free_iter(columns);
    return 0;
}

/* ---- fitting ---------------------------------------------------------------- */

static const char *cell_text(struct table *table, size_t row, size_t column)
{
    struct libscols_line *line = scols_table_get_line(table->scols, row);

    return scols_cell_get_data(scols_line_get_cell(line, column));
}

static int cell_cut(struct table *table, size_t row, size_t column, size_t width)
{
    _cleanup_(free_p) char *text = text_cut(cell_text(table, row, column), width);
    struct libscols_line *line = scols_table_get_line(table->scols, row);

    return text && scols_line_set_data(line, column, text) == 0 ? 0 : -ENOMEM;
}

static size_t column_width(struct table *table, size_t column)
{
    size_t rows = scols_table_get_nlines(table->scols);
    size_t most = text_width(table->columns[column].name);

    for (size_t row = 0; row < rows; row++) {
        size_t width = text_width(cell_text(table, row, column));

        if (width > most)
            most = width;
    }
    return most;
}

static size_t table_width(struct table *table)
{
    size_t total = table->count - 1; /* the gaps */

    for (size_t i = 0; i < table->count; i++)
        total += column_width(table, i);
    return total;
}

static int names_cut(struct table *table, size_t column)
{
    size_t rows = scols_table_get_nlines(table->scols);
    int r = 0;

    for (size_t row = 0; row < rows && !r; row++)
        if (name_is_anonymous(cell_text(table, row, column)))
            r = cell_cut(table, row, column, NAME_DIGITS + text_ellipsis_width());
    return r;
}

/* Cuts a column to what the others leave of `width`, unless that is hardly anything. */
static int column_cut(struct table *table, size_t column, size_t width)
{
    size_t rows = scols_table_get_nlines(table->scols);
    size_t others = table_width(table) - column_width(table, column);
    int r = 0;

    if (others + CUT_LEAST > width)
        return 0;
    for (size_t row = 0; row < rows && !r; row++)
        r = cell_cut(table, row, column, width - others);
    return r;
}

static int table_fit(struct table *table, size_t width)
{
    int r = 0;

    if (width == 0 || table_width(table) <= width)
        return 0;
    for (size_t i = 0; i < table->count && !r; i++)
        if (table->columns[i].name_of_volume)
            r = names_cut(table, i);
    for (size_t i = 0; i < table->count && !r; i++)
        if (table->columns[i].trunc)
            r = column_cut(table, i, width);
    return r;
}

/* 0: stdout is no terminal, or does not say. */
static size_t terminal_width(void)
{
    struct winsize size;

    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        return 0;
    return size.ws_col;
}

/* ---- printing --------------------------------------------------------------- */

int table_print(struct table *table)
{
    int r;

    if (scols_table_get_nlines(table->scols) == 0)
        return table_print_header(table, stdout);
    r = table_fit(table, terminal_width());
    if (r)
        return r;
    scols_table_set_stream(table->scols, stdout);
    scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_NEVER);
    return scols_print_table(table->scols);
}

int table_to_string(struct table *table, size_t width, char **out)
{
    int r = table_fit(table, width);

    if (r)
        return r;
    scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_NEVER);
    return scols_print_table_to_string(table->scols, out);
}
