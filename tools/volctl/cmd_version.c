/* volctl version: what runs here. The client's part is printed even if the daemon is down. */
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"

#include <errno.h>

static const struct argp_option options[] = {OPTION_ROW_FORMAT, OPTION_ROWS_ALL, {0}};

static void version_print_line(const char *name, const char *value)
{
    printf("  %-13s ", name);
    text_print(stdout, *value ? value : "-");
    putchar('\n');
}

static void version_print_daemon(const json_t *status, const char *socket)
{
    const char *reason = field_text(status, "PassthroughReason");
    char text[256];

    puts("Daemon:");
    version_print_line("version", field_text(status, "Version"));
    version_print_line("libfuse", field_text(status, "LibfuseVersion"));
    version_print_line("kernel", field_text(status, "Kernel"));
    snprintf(text, sizeof(text), "%s%s%s", field_bool(status, "Passthrough") ? "on" : "off",
             *reason ? ": " : "", reason);
    version_print_line("passthrough", text);
    version_print_line("selinux", field_text(status, "Selinux"));
    version_print_line("mountpoint", field_text(status, "Mountpoint"));
    version_print_line("store", field_text(status, "Store"));
    version_print_line("socket", socket);
    snprintf(text, sizeof(text), "%lld", (long long)field_number(status, "Pid"));
    version_print_line("pid", text);
    field_age(status, "StartedAt", text);
    version_print_line("started", text);
    snprintf(text, sizeof(text), "%lld", (long long)field_number(status, "Volumes"));
    version_print_line("volumes", text);
}

/* Whose containers are known from their API. */
static void version_print_engines(const json_t *status)
{
    const json_t *engine;
    char text[256];
    size_t i;

    json_array_foreach(json_object_get(status, "Engines"), i, engine)
    {
        bool followed = field_bool(engine, "Followed");

        snprintf(text, sizeof(text), "%s: %s", followed ? "followed" : "away",
                 field_text(engine, followed ? "Socket" : "Why"));
        version_print_line(field_text(engine, "Name"), text);
    }
}

static int version_print_json(const json_t *status)
{
    _cleanup_(json_decref_p) json_t *both =
        json_pack("{s:{s:s}, s:O?}", "Client", "Version", VOLUMEFS_VERSION, "Daemon", status);

    return both ? print_json(both) : volctl_report(-ENOMEM, NULL);
}

int cmd_version(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {options,
                                     options_parse,
                                     "",
                                     "Show the versions of client, daemon, libfuse and kernel, and "
                                     "whether data bypasses the daemon (passthrough).",
                                     NULL,
                                     NULL,
                                     NULL};
    _cleanup_(json_decref_p) json_t *status = NULL;
    struct options input = {.volctl = volctl};
    struct call call = {.method = "GET", .segments = {"status"}};
    struct error e = {0};
    int r, printed = EXIT_OK;

    options_read(&argp, argc, argv, &input, 0, 0);
    r = call_daemon(volctl, &call, &status, &e);
    if (input.json) {
        printed = version_print_json(status);
    } else {
        puts("Client:");
        version_print_line("version", VOLUMEFS_VERSION);
        if (!r)
            version_print_daemon(status, volctl->socket);
        if (!r)
            version_print_engines(status);
    }
    fflush(stdout); /* before the error, where both go to one place */
    return r ? volctl_report(r, &e) : printed;
}
