/* Built without SELinux: nothing is labelled, nobody is asked. */
#include "fs/label.h"

#include <errno.h>

const char *label_state(void)
{
    return "not built";
}

int label_start(const char *context, struct error *e)
{
    return context ? error_set(e, ERROR_OPTION_INVALID,
                               "volumefs was built without SELinux and cannot label the tree '%s'; "
                               "leave --selinux-context out",
                               context)
                   : 0;
}

void label_stop(void)
{
}

bool label_is_on(void)
{
    return false;
}

const char *label_tree_context(void)
{
    return "";
}

bool label_knows(const char *context)
{
    (void)context;
    return true;
}

int label_decide(const struct label_question *question)
{
    (void)question;
    return 0;
}

int label_read_process(pid_t tid, char out[CONTEXT_MAX + 1])
{
    (void)tid;
    out[0] = 0;
    return -ENOTSUP;
}
