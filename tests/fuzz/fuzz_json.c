/*
 * Whatever comes as JSON: every reader of the API, and of engines' APIs, on the same text. The
 * first byte chooses one, so that a finding names it.
 */
#include "fs/api/codec.h"
#include "fs/engine/codec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_create(const char *text, size_t length)
{
    struct create_body body;

    if (codec_read_create(text, length, &body, NULL) == 0)
        create_body_deinit(&body);
    if (codec_read_engine_create(text, length, &body, NULL) == 0)
        create_body_deinit(&body);
}

static void read_change(const char *text, size_t length)
{
    struct change_body body;

    if (codec_read_change(text, length, &body, NULL) == 0)
        change_body_deinit(&body);
}

static void read_prune(const char *text, size_t length)
{
    struct prune_body body;
    struct filter *filter;
    bool all, dry_run;

    if (codec_read_prune(text, length, &body, NULL) == 0)
        prune_body_deinit(&body);
    if (codec_read_engine_prune(text, &filter, &all, NULL) == 0)
        filter_free(filter);
    (void)!codec_read_container_prune(text, length, &all, &dry_run, NULL);
}

static void read_attach(const char *text, size_t length)
{
    struct attach_body body;

    if (codec_read_attach(text, length, &body, NULL) == 0)
        attach_body_deinit(&body);
    if (codec_read_container(text, length, &body, NULL) == 0)
        attach_body_deinit(&body);
}

static void read_start(const char *text, size_t length)
{
    struct start_body body;
    int exit_code;

    if (codec_read_start(text, length, &body, NULL) == 0)
        start_body_deinit(&body);
    (void)!codec_read_end(text, length, &exit_code, NULL);
}

/* What can be read can be matched. */
static void read_filters(const char *text, size_t length)
{
    static const struct volume volume = {.name = "web", .driver = "local"};
    struct filter *filter;

    (void)length;
    if (codec_read_filters(text, &filter, NULL) == 0)
        (void)filter_match(filter, &volume, true);
    filter_free(filter);
}

static void read_plugin(const char *text, size_t length)
{
    struct plugin_body body;

    if (codec_read_plugin(text, length, &body, NULL) == 0)
        plugin_body_deinit(&body);
}

static void read_engine(const char *text, size_t length)
{
    char id[CONTAINER_ID_MAX + 1];
    struct engine_list list;

    if (engine_list_read(text, length, &list, NULL) == 0)
        engine_list_deinit(&list);
    (void)!engine_event_read(text, length, id);
    (void)!engine_process_read(text, length);
    (void)!engine_mount_count_read(text, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const char *text, size_t length) = {
        read_create, read_change,  read_prune,  read_attach,
        read_start,  read_filters, read_plugin, read_engine};
    size_t length = size ? size - 1 : 0;
    char *text;

    if (!size)
        return 0;
    text = malloc(length + 1); /* bodies end in a NUL, filters are texts */
    if (!text)
        return 0;
    memcpy(text, data + 1, length);
    text[length] = 0;
    readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](text, length);
    free(text);
    return 0;
}
