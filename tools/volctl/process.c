/* What a container runs; see process.h. */
#include "tools/volctl/process.h"

#include "tools/volctl/call.h"
#include "tools/volctl/environment.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

void process_deinit(struct process *process)
{
    json_decref(process->env);
    *process = (struct process){0};
}

static void env_add(struct process *process, const char *text, struct argp_state *state,
                    int (*add)(json_t *env, const char *text, struct error *e))
{
    struct error e = {0};
    int r;

    if (!process->env)
        process->env = json_array();
    r = process->env ? add(process->env, text, &e) : -ENOMEM;
    if (r < 0)
        argp_failure(state, argp_err_exit_status, -r, "cannot read the arguments");
    else if (r > 0)
        argp_error(state, "%s", e.text);
}

static void hostname_set(struct process *process, const char *name, struct argp_state *state)
{
    size_t length = strlen(name);
    size_t good = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-");

    if (length == 0 || length > HOST_NAME_MAX || good < length || *name == '-' || *name == '.')
        argp_error(state,
                   "--hostname '%s' is no name of a host: up to %d letters, digits, '.' and '-'",
                   name, HOST_NAME_MAX);
    process->hostname = name;
}

error_t process_parse(struct process *process, int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'e':
        env_add(process, arg, state, environment_add);
        return 0;
    case PROCESS_ENV_FILE:
        env_add(process, arg, state, environment_add_file);
        return 0;
    case 'w':
        if (*arg != '/')
            argp_error(state,
                       "the working directory '%s' must be an absolute path in the container", arg);
        process->cwd = arg;
        return 0;
    case 'u':
        process->user = arg;
        return 0;
    case PROCESS_HOSTNAME:
        hostname_set(process, arg, state);
        return 0;
    case PROCESS_READ_ONLY:
        process->read_only = true;
        return 0;
    case 'i':
        process->interactive = true;
        return 0;
    case 't':
        process->terminal = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

bool process_is_given(const struct process *process)
{
    return process->env || process->cwd || process->user || process->hostname ||
           process->interactive || process->terminal || process->read_only;
}

static int add_arguments(json_t *array, char **arguments, int count, struct error *e)
{
    for (int i = 0; i < count; i++)
        if (json_array_append_new(array, json_string(arguments[i])) < 0)
            return error_set(e, ERROR_REQUEST_INVALID, "the argument '%s' is not UTF-8",
                             arguments[i]);
    return 0;
}

int process_body(const struct process *process, char **arguments, int count, json_t **out,
                 struct error *e)
{
    _cleanup_(json_decref_p) json_t *args = json_array(), *body = NULL;
    json_t *env = process->env ? json_incref(process->env) : json_array();
    int r = args ? add_arguments(args, arguments, count, e) : -ENOMEM;

    if (r) {
        json_decref(env);
        return r;
    }
    body = json_pack("{s:O, s:o, s:s, s:s, s:b, s:b}", "Args", args, "Env", env, "Cwd",
                     process->cwd ? process->cwd : "/", "User", process->user ? process->user : "",
                     "Terminal", process->terminal, "Interactive", process->interactive);
    if (!body)
        return error_set(e, ERROR_REQUEST_INVALID, "--workdir or --user is not UTF-8");
    if (process->hostname &&
        json_object_set_new(body, "Hostname", json_string(process->hostname)) < 0)
        return -ENOMEM;
    if (process->read_only && json_object_set_new(body, "ReadOnly", json_true()) < 0)
        return -ENOMEM;
    *out = steal_pointer(&body);
    return 0;
}
