/*
 * Tables with libsmartcols, which nothing else here knows of.
 *
 * Texts are escaped before the library sees them and its own escaping is off
 * (`noencoding`), so that one rule says what reaches the terminal.
 */
#include "tools/volctl/table.h"

#include "catalog/cleanup.h"
#include "tools/volctl/text.h"

#include <errno.h>
#include <libsmartcols.h>
#include <string.h>

struct table {
    struct libscols_table *scols;
    size_t columns;
};

struct table *table_new(const struct column *columns, size_t count)
{
    struct table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->columns = count;
    table->scols = scols_new_table();
    if (!table->scols)
        return table_free(table);
    scols_table_enable_noencoding(table->scols, 1);
    for (size_t i = 0; i < count; i++) {
        int flags =
            (columns[i].right ? SCOLS_FL_RIGHT : 0) | (columns[i].trunc ? SCOLS_FL_TRUNC : 0);

        if (!scols_table_new_column(table->scols, columns[i].name, 0, flags))
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
    for (size_t i = 0; i < table->columns; i++) {
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

int table_print(struct table *table)
{
    if (scols_table_get_nlines(table->scols) == 0)
        return table_print_header(table, stdout);
    scols_table_set_stream(table->scols, stdout);
    if (!isatty(STDOUT_FILENO))
        scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_NEVER);
    return scols_print_table(table->scols);
}

int table_to_string(struct table *table, size_t width, char **out)
{
    scols_table_set_termforce(table->scols, width ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
    if (width)
        scols_table_set_termwidth(table->scols, width);
    return scols_print_table_to_string(table->scols, out);
}
