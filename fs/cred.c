/*
 * Identities of threads, by the raw system calls: glibc's wrappers of
 * setfsuid(2) do not report errors, and capset(2) has no thread-level wrapper
 * that is one call.
 */
#include "fs/cred.h"

#include <assert.h>
#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool cred_privileged;

static _Thread_local struct {
    uid_t uid;
    gid_t gid;
    mode_t umask;
    struct __user_cap_data_struct caps[2];
} cred_thread;

/* What serving files for others takes; CAP_SYS_RESOURCE is not here: it would pass quotas. */
static const unsigned cred_kept[] = {
    CAP_SYS_ADMIN,       CAP_CHOWN,
    CAP_DAC_OVERRIDE,    CAP_DAC_READ_SEARCH,
    CAP_FOWNER,          CAP_FSETID,
    CAP_LINUX_IMMUTABLE, /* store_seal */
    CAP_LEASE,           /* backing_has_writer, of files of others */
    CAP_SETUID,          CAP_SETGID,
    CAP_MKNOD,           CAP_KILL, /* volume_container_kill, of other users */
    CAP_SYS_PTRACE,      CAP_SETFCAP,
    CAP_SETPCAP};

int cred_init(bool privileged, struct error *e)
{
    umask(0);
    cred_privileged = privileged;
    if (!privileged)
        return 0;
    if (setgroups(0, NULL) < 0)
        return error_set_errno(e, -errno, "cannot drop supplementary groups");
    if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
        return error_set_errno(e, -errno, "cannot keep capabilities over changes of ids");
    capng_get_caps_process();
    for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++) {
        bool kept = false;

        for (size_t i = 0; i < sizeof(cred_kept) / sizeof(*cred_kept); i++)
            kept = kept || cred_kept[i] == cap;
        if (!kept)
            capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, cap);
    }
    if (capng_apply(CAPNG_SELECT_CAPS) < 0)
        return error_set_errno(e, -EPERM, "cannot drop capabilities");
    return 0;
}

static void cred_set_caps(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};

    syscall(SYS_capset, &header, cred_thread.caps);
}

/* The second call answers what the first has set: setfsuid(2) reports errors in no other way. */
static int set_fsgid(gid_t gid)
{
    syscall(SYS_setfsgid, gid);
    if ((gid_t)syscall(SYS_setfsgid, gid) != gid)
        return -EPERM;
    cred_thread.gid = gid;
    return 0;
}

static int set_fsuid(uid_t uid)
{
    syscall(SYS_setfsuid, uid);
    if ((uid_t)syscall(SYS_setfsuid, uid) != uid)
        return -EPERM;
    cred_thread.uid = uid;
    return 0;
}

/* The thread that made this one may have been acting for somebody: nothing of that is kept. */
int cred_init_thread(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    int r;

    if (unshare(CLONE_FS) < 0)
        return -errno;
    umask(0);
    cred_thread.umask = 0;
    r = set_fsgid(getegid());
    r = r ? r : set_fsuid(geteuid());
    if (r || !cred_privileged)
        return r;
    if (syscall(SYS_capget, &header, cred_thread.caps) < 0)
        return -errno;
    cred_lower_fsetid();
    return 0;
}

int cred_assume(uid_t uid, gid_t gid, mode_t mask)
{
    if (mask != cred_thread.umask) {
        umask(mask);
        cred_thread.umask = mask;
    }
    if (!cred_privileged)
        return 0;
    if (gid != cred_thread.gid && set_fsgid(gid) < 0)
        return -EPERM;
    return uid != cred_thread.uid ? set_fsuid(uid) : 0;
}

void cred_assume_own(void)
{
    int r = cred_assume(geteuid(), getegid(), 0);

    assert(r == 0); /* one's own ids are never refused */
    (void)r;
}

void cred_raise_fsetid(void)
{
    if (!cred_privileged)
        return;
    cred_thread.caps[CAP_TO_INDEX(CAP_FSETID)].effective |= CAP_TO_MASK(CAP_FSETID);
    cred_set_caps();
}

void cred_lower_fsetid(void)
{
    if (!cred_privileged)
        return;
    cred_thread.caps[CAP_TO_INDEX(CAP_FSETID)].effective &= ~CAP_TO_MASK(CAP_FSETID);
    cred_set_caps();
}
