/*
 * A call in a thread; see start_call.h. The thread has all that it uses to itself, as who began it
 * may leave before it ends. Of the two, the one that goes last frees it.
 */
#include "tools/volctl/start_call.h"

#include "tools/volctl/call.h"
#include "tools/volctl/client.h"

#include "catalog/cleanup.h"
#include "catalog/model.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>

struct start_call {
    struct volctl volctl;
    char id[CONTAINER_ID_MAX + 1];
    pid_t pid;
    int done; /* an eventfd */
    int r;
    struct error error;
    pthread_t thread;
    atomic_bool one_has_gone;
};

static void start_call_free(struct start_call *call)
{
    client_free(call->volctl.client);
    close_p(&call->done);
    free(call);
}

static int tell_start(struct start_call *start)
{
    _cleanup_(json_decref_p) json_t *body = json_pack("{s:i}", "Pid", (int)start->pid);
    struct call call = {.method = "POST",
                        .segments = {"containers", start->id, "start"},
                        .body = body,
                        .patient = true};

    return body ? call_daemon(&start->volctl, &call, NULL, &start->error) : -ENOMEM;
}

static void *start_call_run(void *context)
{
    struct start_call *call = context;

    call->r = tell_start(call);
    eventfd_write(call->done, 1);
    if (atomic_exchange(&call->one_has_gone, true))
        start_call_free(call);
    return NULL;
}

struct start_call *start_call_begin(struct volctl *volctl, const char *id, pid_t pid)
{
    struct start_call *call = calloc(1, sizeof(*call));

    if (!call)
        return NULL;
    call->volctl = *volctl;
    call->pid = pid;
    snprintf(call->id, sizeof(call->id), "%s", id);
    call->done = eventfd(0, EFD_CLOEXEC);
    if (call->done < 0 || pthread_create(&call->thread, NULL, start_call_run, call) != 0) {
        call->volctl.client = NULL;
        start_call_free(call);
        return NULL;
    }
    volctl->client = NULL;
    return call;
}

int start_call_fd(const struct start_call *call)
{
    return call->done;
}

int start_call_end(struct start_call *call, struct volctl *volctl, struct error *e)
{
    int r;

    pthread_join(call->thread, NULL);
    volctl->client = steal_pointer(&call->volctl.client);
    r = call->r;
    *e = call->error;
    start_call_free(call);
    return r;
}

void start_call_leave(struct start_call *call)
{
    pthread_detach(call->thread);
    if (atomic_exchange(&call->one_has_gone, true))
        start_call_free(call);
}
