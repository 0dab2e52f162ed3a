/*
 * volctl-hook SOCKET ID: what an OCI runtime calls (createRuntime, with the state on standard
 * input) when a container of `volctl run` is there and its command does not run yet.
 *
 * It tells the daemon which process the container is, so that nothing runs that is not recorded:
 * when this fails, the runtime gives up. And it unmounts what pin.c held for the runtime.
 *
 * It is a program of its own because it is in the way of every start, and so has to be small.
 */
#include "catalog/cleanup.h"
#include "catalog/name.h"
#include "tools/volctl/http.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

enum {
    ANSWER_MAX = 64 << 20,
    PINS_MAX = 1024,
    LIMIT_S = 7 * 24 * 3600, /* a copy may be due first, that a crash stopped */
};

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "volctl-hook: %s: %s\n", what, why);
    return 1;
}

static void unmount_pins(const char *bundle)
{
    char path[PATH_MAX];

    for (unsigned i = 0; *bundle && i < PINS_MAX; i++)
        if (snprintf(path, sizeof(path), "%s/mounts/%u", bundle, i) >= (int)sizeof(path) ||
            umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
            return;
}

static int complain_of_answer(const struct answer *answer)
{
    json_t *value = answer->body ? json_loads(answer->body, 0, NULL) : NULL;
    const char *message = json_string_value(json_object_get(value, "message"));
    char status[32];

    snprintf(status, sizeof(status), "status %ld", answer->status);
    complain("the daemon refuses the start", message ? message : status);
    json_decref(value);
    return 1;
}

static int tell_daemon(const char *socket, const char *id, long long pid)
{
    _cleanup_(answer_deinit) struct answer answer = {0};
    struct http http = {.fd = -1};
    char path[CONTAINER_ID_MAX + 64], body[64];
    int r = http_open(&http, socket, LIMIT_S);

    if (r)
        return complain("cannot reach the daemon", strerror(-r));
    snprintf(path, sizeof(path), "/volumefs/containers/%s/start", id);
    snprintf(body, sizeof(body), "{\"Pid\":%lld}", pid);
    r = http_exchange(&http, "POST", path, body, ANSWER_MAX, &answer);
    close_p(&http.fd);
    if (r)
        return complain("the daemon did not answer", strerror(-r));
    return answer.status >= 200 && answer.status < 300 ? 0 : complain_of_answer(&answer);
}

int main(int argc, char **argv)
{
    json_error_t why;
    json_t *state = json_loadf(stdin, JSON_REJECT_DUPLICATES, &why);
    const char *bundle = json_string_value(json_object_get(state, "bundle"));
    long long pid = json_integer_value(json_object_get(state, "pid"));
    int status;

    if (argc != 3 || name_check_container(argv[2], NULL))
        status = complain("usage", "volctl-hook SOCKET ID <STATE; an OCI runtime calls it");
    else if (!state || pid <= 0)
        status = complain("the runtime's state", state ? "it has no pid" : why.text);
    else
        status = tell_daemon(argv[1], argv[2], pid);
    if (bundle)
        unmount_pins(bundle);
    json_decref(state);
    return status;
}
