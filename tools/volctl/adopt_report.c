/* What volctl adopt did, as a table or as JSON. */
#include "tools/volctl/adopt.h"

#include "tools/volctl/table.h"
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <string.h>

static const char *result_name(enum adopt_result result, bool undo)
{
    switch (result) {
    case ADOPT_DONE:
        return undo ? "given back" : "adopted";
    case ADOPT_PLANNED:
        return "planned";
    case ADOPT_LEFT_OUT:
        return "left out";
    case ADOPT_REFUSED:
        break;
    }
    return "refused";
}

static void say_reason(const char *name, const char *reason)
{
    struct error e = {0};

    error_set(&e, ERROR_REQUEST_INVALID, "%s: %s", name, reason);
    volctl_report(ERROR_REQUEST_INVALID, &e);
}

void adopt_note(struct adopt *adopt, const struct adopt_row *row)
{
    json_t *object = json_pack("{s:s, s:I, s:s?, s:s, s:s?}", "Name", row->name, "Size",
                               (json_int_t)row->size, "How", row->how, "Result",
                               result_name(row->result, adopt->undo), "Reason", row->reason);

    if (json_array_append_new(adopt->rows, object) < 0) /* no memory, or a name that is not UTF-8 */
        adopt->failed = true;
    adopt->failed |= row->result == ADOPT_REFUSED;
    if (row->reason)
        say_reason(row->name, row->reason);
}

static int add_row(struct table *table, const json_t *row, bool undo)
{
    const char *name = field_text(row, "Name"), *result = field_text(row, "Result");
    int64_t bytes = field_number(row, "Size");
    char size[TEXT_SHORT] = "";

    if (undo)
        return table_add(table, (const char *const[]){name, result});
    if (bytes >= 0)
        text_format_size((uint64_t)bytes, size);
    return table_add(table, (const char *const[]){name, size, field_text(row, "How"), result});
}

int adopt_print(const struct adopt *adopt)
{
    static const struct column columns[] = {
        {"NAME", .name_of_volume = true}, {"SIZE", .right = true}, {"HOW"}, {"RESULT"}};
    static const struct column columns_undo[] = {{"NAME", .name_of_volume = true}, {"RESULT"}};
    _cleanup_(table_free_p) struct table *table = NULL;
    json_t *row;
    size_t i;

    if (adopt->options.json)
        return print_json(adopt->rows);
    table = adopt->undo ? table_new(columns_undo, sizeof(columns_undo) / sizeof(columns_undo[0]))
                        : table_new(columns, sizeof(columns) / sizeof(columns[0]));
    if (!table)
        return volctl_report(-ENOMEM, NULL);
    json_array_foreach(adopt->rows, i, row)
    {
        if (add_row(table, row, adopt->undo) < 0)
            return volctl_report(-ENOMEM, NULL);
    }
    return table_print(table) == 0 ? EXIT_OK : volctl_report(-EIO, NULL);
}

char *adopt_join(const json_t *texts)
{
    char *out = NULL;
    size_t size = 0, i;
    FILE *stream = open_memstream(&out, &size);
    json_t *text;

    if (!stream)
        return NULL;
    json_array_foreach(texts, i, text) fprintf(
        stream, "%s%s", i ? ", " : "", json_is_string(text) ? json_string_value(text) : "?");
    fclose(stream);
    return out;
}
