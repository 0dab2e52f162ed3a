/*
 * volumefs-oci-tell: makes one call of the daemon for volumefs-oci-hook, which has found out what
 * is to be told and runs it in its own place (tell.h). Not for anybody else.
 */
#include "catalog/cleanup.h"
#include "tools/hook/input.h"
#include "tools/hook/say.h"
#include "tools/hook/tell.h"
#include "tools/volctl/client.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static void json_decref_p(json_t **value)
{
    json_decref(*value);
}

static void client_free_p(struct client **client)
{
    client_free(*client);
}

static int refused(const struct answer *answer, struct error *e)
{
    _cleanup_(json_decref_p) json_t *value =
        answer->body ? json_loadb(answer->body, answer->length, 0, NULL) : NULL;
    const char *message = json_string_value(json_object_get(value, "message"));

    if (message && *message)
        return error_set(e, ERROR_REQUEST_INVALID, "%s", message);
    return error_set(e, ERROR_REQUEST_INVALID,
                     "the daemon answered with status %ld and no reason; is it a volumefs of "
                     "another version? 'volctl version' says",
                     answer->status);
}

static int call(char *argv[], const char *body, struct answer *answer, struct error *e)
{
    _cleanup_(client_free_p) struct client *client = client_new(argv[TELL_SOCKET]);
    _cleanup_(free_p) char *id = client_escape(argv[TELL_ID]);
    _cleanup_(free_p) char *path = NULL;

    if (!client || !id || asprintf(&path, "/volumefs/containers/%s/%s", id, argv[TELL_VERB]) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    client_set_limit(client, (int)strtol(argv[TELL_SECONDS], NULL, 10));
    return client_request(client, "POST", path, body, answer, e);
}

/* That a container has ended which the daemon does not know is as good as told. */
static int tell(char *argv[], bool end, struct error *e)
{
    _cleanup_(input_deinit) struct input body = {0};
    _cleanup_(answer_deinit) struct answer answer = {0};
    int r = input_read(STDIN_FILENO, TELL_BODY_MAX, "what is to be told", &body, e);

    if (r == 0)
        r = call(argv, body.text, &answer, e);
    if (r)
        return r;
    return (answer.status >= 200 && answer.status <= 299) || (end && answer.status == 404)
               ? 0
               : refused(&answer, e);
}

int main(int argc, char **argv)
{
    struct error e = {0};
    enum exit_status status;
    bool end;
    int r;

    if (argc != TELL_ARGUMENTS) {
        fputs("volumefs-oci-tell: this is run by volumefs-oci-hook; see its manual\n", stderr);
        return EXIT_USAGE;
    }
    end = strcmp(argv[TELL_VERB], "end") == 0;
    status = end ? EXIT_OK : EXIT_ERROR;
    r = tell(argv, end, &e);
    if (r == 0)
        return EXIT_OK;
    say(status, "%s: %s", argv[TELL_TEXT], *e.text ? e.text : strerror(r < 0 ? -r : EIO));
    return status;
}
