/*
 * SELinux as the kernel has it now, asked through libselinux's cache of decisions (AVC). The only
 * file that includes its headers.
 *
 * The AVC learns of a new policy, and of enforcing turned on or off, from the kernel's status page,
 * a word of shared memory that is looked at before each decision; it then forgets what it knew, and
 * the numbers of classes and permissions are read anew here.
 *
 * libselinux's AVC knows no threads (its locks are for a main loop's): one mutex is around it.
 */
#include "fs/label.h"

#include "catalog/cleanup.h"
#include "fs/log.h"

#include <errno.h>
#include <pthread.h>
#include <selinux/avc.h>
#include <selinux/selinux.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    OPERATIONS = OPERATION_CHANGE + 1,
    POLICY_UNKNOWN = -1,
    LOG_BURST = 20, /* lines … */
    LOG_PERIOD_S = 5,
};

/* A class as the loaded policy numbers it. */
struct class_numbers {
    security_class_t class; /* 0: the policy has none */
    access_vector_t asked[OPERATIONS];
};

static struct {
    pthread_mutex_t mutex; /* guards what follows, but for what label_start sets */
    bool on;
    char tree_context[CONTEXT_MAX + 1];
    int policy; /* the kernel's count of policies loaded, when `classes` was read */
    struct class_numbers classes[LABEL_CLASSES];
    time_t logged_since;
    unsigned logged;
} label = {.mutex = PTHREAD_MUTEX_INITIALIZER, .policy = POLICY_UNKNOWN};

const char *label_state(void)
{
    if (is_selinux_enabled() != 1)
        return "off";
    return security_getenforce() == 1 ? "enforcing" : "permissive";
}

bool label_is_on(void)
{
    return label.on;
}

const char *label_tree_context(void)
{
    return label.tree_context;
}

bool label_knows(const char *context)
{
    return !label.on || security_check_context_raw(context) == 0;
}

static void context_freep(char **context)
{
    freecon(*context);
}

int label_read_process(pid_t tid, char out[CONTEXT_MAX + 1])
{
    _cleanup_(context_freep) char *context = NULL;

    out[0] = 0;
    if (!label.on)
        return -ENOTSUP;
    if (tid <= 0 || getpidcon_raw(tid, &context) < 0)
        return -ESRCH;
    if (strlen(context) > CONTEXT_MAX)
        return -ENAMETOOLONG;
    snprintf(out, CONTEXT_MAX + 1, "%s", context);
    return 0;
}

/* ---- the log ------------------------------------------------------------------- */

/* Whoever is denied may try as often as he likes. With the mutex held, as all decisions. */
static bool log_is_due(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec - label.logged_since >= LOG_PERIOD_S) {
        if (label.logged > LOG_BURST)
            log_message(LOG_LEVEL_WARNING, "selinux: %u more denials were not logged",
                        label.logged - LOG_BURST);
        label.logged_since = now.tv_sec;
        label.logged = 0;
    }
    return label.logged++ < LOG_BURST;
}

__attribute__((format(printf, 2, 3))) static int log_selinux(int type, const char *format, ...)
{
    enum log_level level = type == SELINUX_ERROR     ? LOG_LEVEL_ERROR
                           : type == SELINUX_AVC     ? LOG_LEVEL_WARNING
                           : type == SELINUX_WARNING ? LOG_LEVEL_WARNING
                                                     : LOG_LEVEL_INFO;
    char line[1024];
    va_list args;

    if (type == SELINUX_AVC && !log_is_due())
        return 0;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    line[strcspn(line, "\n")] = 0;
    log_message(level, "selinux: %s", line);
    return 0;
}

/* What a line of the log says beside the contexts. */
static int log_describe(void *data, security_class_t class, char *buffer, size_t size)
{
    const struct label_question *question = data;

    (void)class;
    snprintf(buffer, size, "pid=%d volume=\"%s\"", (int)question->tid, question->volume);
    return 0;
}

/* ---- start ----------------------------------------------------------------------- */

static int label_choose_tree(const char *context, struct error *e)
{
    const char *wanted = context ? context : LABEL_CONTEXT_DEFAULT;

    if (strlen(wanted) <= CONTEXT_MAX && security_check_context_raw(wanted) == 0) {
        snprintf(label.tree_context, sizeof(label.tree_context), "%s", wanted);
        return 0;
    }
    if (context)
        return error_set(e, ERROR_OPTION_INVALID,
                         "the loaded SELinux policy does not know the context '%s'; choose one "
                         "whose type containers may use, with --selinux-context",
                         context);
    log_message(LOG_LEVEL_WARNING,
                "the loaded SELinux policy has no type container_file_t: the tree gets the label "
                "that the policy has for FUSE; to choose one: --selinux-context");
    return 0;
}

int label_start(const char *context, struct error *e)
{
    if (is_selinux_enabled() != 1)
        return context ? error_set(e, ERROR_OPTION_INVALID,
                                   "SELinux is off here, and the tree cannot be labelled '%s'; "
                                   "leave --selinux-context out",
                                   context)
                       : 0;
    selinux_set_callback(SELINUX_CB_LOG, (union selinux_callback){.func_log = log_selinux});
    selinux_set_callback(SELINUX_CB_AUDIT, (union selinux_callback){.func_audit = log_describe});
    if (avc_open(NULL, 0) < 0)
        return error_set_errno(e, -errno,
                               "cannot ask the SELinux policy; is /sys/fs/selinux "
                               "mounted?");
    if (selinux_status_open(1) < 0) {
        avc_destroy();
        return error_set_errno(e, -errno, "cannot watch the SELinux policy");
    }
    label.on = true;
    return label_choose_tree(context, e);
}

void label_stop(void)
{
    if (!label.on)
        return;
    label.on = false;
    selinux_status_close();
    avc_destroy();
}

/* ---- decisions ------------------------------------------------------------------- */

static void class_read(enum label_class class, struct class_numbers *out)
{
    *out = (struct class_numbers){.class = string_to_security_class(label_class_name(class))};
    for (int operation = 0; out->class && operation < OPERATIONS; operation++)
        for (const char *const *name = label_permissions(class, (enum operation)operation); *name;
             name++)
            out->asked[operation] |= string_to_av_perm(out->class, *name);
}

/* The AVC forgets by itself, when it sees what the status page says. */
static void policy_review(void)
{
    int policy;

    (void)!selinux_status_updated();
    policy = selinux_status_policyload();
    if (policy == label.policy && policy != POLICY_UNKNOWN)
        return;
    for (int i = 0; i < LABEL_CLASSES; i++)
        class_read((enum label_class)i, &label.classes[i]);
    label.policy = policy;
}

static int policy_ask(const char *caller, const struct label_question *question)
{
    const struct class_numbers *numbers = &label.classes[question->class];
    security_id_t subject, object;

    if (avc_context_to_sid_raw(caller, &subject) < 0 ||
        avc_context_to_sid_raw(question->context, &object) < 0)
        return -1;
    /* read by log_describe only */
    return avc_has_perm(subject, object, numbers->class, numbers->asked[question->operation], NULL,
                        (void *)(uintptr_t)question);
}

int label_decide(const struct label_question *question)
{
    char caller[CONTEXT_MAX + 1];
    int r;

    r = label_read_process(question->tid, caller);
    if (r < 0)
        return EACCES;
    pthread_mutex_lock(&label.mutex);
    policy_review();
    r = policy_ask(caller, question);
    pthread_mutex_unlock(&label.mutex);
    return r < 0 ? EACCES : 0;
}
