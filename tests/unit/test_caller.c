/* Whose control group a text names, and who a process is. */
#include "fs/caller.h"
#include "fs/caller_known.h"
#include "fs/cgroup.h"
#include "tests/unit/cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ID_A "3f4b1c0d9e8a7f6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b"
#define ID_B "b0c1d2e3f4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f"
#define POD  "9d8c7b6a5f4e3d2c1b0a9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a"
#define UID  "pod2f1e8a9c_11d4_4b7e_9c55_0f3b2a1c4d5e"

struct text_case {
    const char *what;
    const char *text;
    const char *id; /* NULL: no container */
};

static const struct text_case cases[] = {
    /* Docker */
    {"docker v1 cgroupfs",
     "12:pids:/docker/" ID_A "\n11:cpuset:/docker/" ID_A "\n1:name=systemd:/docker/" ID_A "\n",
     ID_A},
    {"docker v1 hybrid", "1:name=systemd:/docker/" ID_A "\n0::/system.slice/containerd.service\n",
     ID_A},
    {"docker v1, unified line first", "0::/\n9:memory:/docker/" ID_A "\n", ID_A},
    {"docker v2 cgroupfs", "0::/docker/" ID_A "\n", ID_A},
    {"docker v2 systemd", "0::/system.slice/docker-" ID_A ".scope\n", ID_A},
    {"docker v1 systemd", "5:devices:/system.slice/docker-" ID_A ".scope\n", ID_A},
    {"docker rootless",
     "0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID_A ".scope\n", ID_A},
    {"docker --cgroup-parent", "0::/actions_job/" ID_A "\n", ID_A},
    {"docker --cgroup-parent slice", "0::/batch.slice/batch-low.slice/docker-" ID_A ".scope\n",
     ID_A},
    {"docker, systemd inside", "0::/docker/" ID_A "/init.scope\n", ID_A},
    {"docker in docker", "0::/docker/" ID_A "/docker/" ID_B "\n", ID_A},
    {"docker in docker, systemd",
     "0::/system.slice/docker-" ID_A ".scope/system.slice/docker-" ID_B ".scope\n", ID_A},
    {"docker, seen from another cgroup namespace", "0::/../../docker/" ID_A "\n", ID_A},
    {"docker, group removed", "0::/system.slice/docker-" ID_A ".scope (deleted)\n", ID_A},
    {"docker, no newline at the end", "0::/docker/" ID_A, ID_A},
    {"the docker daemon", "0::/system.slice/docker.service\n", NULL},
    {"docker's parent alone", "0::/docker\n", NULL},
    {"buildkit's parent", "0::/docker/buildkit\n", NULL},
    {"a docker mount unit", "0::/system.slice/docker-registry.service\n", NULL},
    /* Podman */
    {"podman cgroupfs", "9:memory:/libpod_parent/libpod-" ID_A "\n", ID_A},
    {"podman cgroupfs v2, crun", "0::/libpod_parent/libpod-" ID_A "/container\n", ID_A},
    {"podman systemd", "0::/machine.slice/libpod-" ID_A ".scope\n", ID_A},
    {"podman systemd, crun", "0::/machine.slice/libpod-" ID_A ".scope/container\n", ID_A},
    {"podman rootless",
     "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID_A
     ".scope/container\n",
     ID_A},
    {"podman pod, systemd",
     "0::/machine.slice/machine-libpod_pod_" POD ".slice/libpod-" ID_A ".scope/container\n", ID_A},
    {"podman pod, cgroupfs", "0::/libpod_parent/" POD "/libpod-" ID_A "\n", ID_A},
    {"podman --cgroups=split", "0::/system.slice/web.service/libpod-payload-" ID_A "\n", ID_A},
    {"podman in docker", "0::/docker/" ID_A "/libpod_parent/libpod-" ID_B "\n", ID_A},
    {"conmon", "0::/machine.slice/libpod-conmon-" ID_A ".scope\n", NULL},
    {"conmon, cgroupfs", "0::/libpod_parent/libpod-conmon-" ID_A "\n", NULL},
    {"conmon in a pod", "0::/libpod_parent/" POD "/libpod-conmon-" ID_A "\n", NULL},
    {"conmon, plain", "0::/libpod_parent/conmon\n", NULL},
    {"conmon in docker", "0::/docker/" ID_B "/libpod_parent/libpod-conmon-" ID_A "\n", ID_B},
    /* containerd, nerdctl, Kubernetes */
    {"kubernetes, containerd, systemd",
     "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-" UID
     ".slice/cri-containerd-" ID_A ".scope\n",
     ID_A},
    {"kubernetes, cgroupfs", "11:cpu,cpuacct:/kubepods/besteffort/" UID "/" ID_A "\n", ID_A},
    {"kubernetes, guaranteed", "0::/kubepods/" UID "/" ID_A "\n", ID_A},
    {"kubernetes, docker",
     "1:name=systemd:/kubepods.slice/kubepods-" UID ".slice/docker-" ID_A ".scope\n", ID_A},
    {"kubernetes, containerd without systemd",
     "0::/system.slice/containerd.service/kubepods-burstable-" UID ".slice:cri-containerd:" ID_A
     "\n",
     ID_A},
    {"kubernetes in docker (kind)",
     "0::/docker/" ID_A "/kubelet/kubepods/burstable/" UID "/" ID_B "\n", ID_A},
    {"kubernetes, the pod alone", "0::/kubepods/burstable/" UID "\n", NULL},
    {"the kubelet", "0::/system.slice/kubelet.service\n", NULL},
    {"nerdctl, systemd", "0::/system.slice/nerdctl-" ID_A ".scope\n", ID_A},
    {"nerdctl, cgroupfs", "0::/default/" ID_A "\n", ID_A},
    {"a task of a cluster", "4:memory:/ecs/0123456789abcdef0123456789abcdef/" ID_A "\n", ID_A},
    {"containerd's shim", "0::/system.slice/containerd.service\n", NULL},
    /* CRI-O */
    {"cri-o, systemd", "0::/kubepods.slice/kubepods-" UID ".slice/crio-" ID_A ".scope\n", ID_A},
    {"cri-o, cgroupfs", "0::/kubepods/burstable/" UID "/crio-" ID_A "\n", ID_A},
    {"cri-o, crun", "0::/kubepods.slice/kubepods-" UID ".slice/crio-" ID_A ".scope/container\n",
     ID_A},
    {"cri-o's conmon", "0::/kubepods.slice/kubepods-" UID ".slice/crio-conmon-" ID_A ".scope\n",
     NULL},
    /* runc, crun */
    {"runc, systemd", "0::/system.slice/runc-web.scope\n", "web"},
    {"runc, systemd, v1", "3:cpuset:/system.slice/runc-web-1.scope\n", "web-1"},
    {"crun, systemd", "0::/system.slice/crun-db_1.scope\n", "db_1"},
    {"crun, user", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/crun-db.scope\n",
     "db"},
    {"a service called runc", "0::/system.slice/runc-clean.service\n", NULL},
    /* nspawn */
    {"nspawn scope", "0::/machine.slice/machine-debian.scope/payload\n", "debian"},
    {"nspawn scope, escaped", "0::/machine.slice/machine-debian\\x2d12.scope/payload\n",
     "debian-12"},
    {"nspawn service", "0::/machine.slice/systemd-nspawn@web.service/payload/init.scope\n", "web"},
    {"nspawn service, escaped", "0::/machine.slice/systemd-nspawn@web\\x2d1.service/payload\n",
     "web-1"},
    {"nspawn itself", "0::/machine.slice/systemd-nspawn@web.service/supervisor\n", NULL},
    {"nspawn, v1", "1:name=systemd:/machine.slice/machine-deb.scope\n", "deb"},
    {"a virtual machine", "0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator\n",
     NULL},
    {"escape cut short", "0::/machine.slice/machine-a\\x2.scope\n", NULL},
    {"escape of a control", "0::/machine.slice/machine-a\\x0a.scope\n", NULL},
    /* LXC */
    {"lxc payload", "0::/lxc.payload.web\n", "web"},
    {"lxc payload, systemd inside", "0::/lxc.payload.web/init.scope\n", "web"},
    {"lxd project", "0::/lxc.payload.prod_web-2\n", "prod_web-2"},
    {"lxc 3", "1:name=systemd:/lxc.payload/web\n", "web"},
    {"lxc 2", "4:memory:/lxc/web\n3:cpuset:/lxc/web\n", "web"},
    {"lxc with a namespace below", "0::/lxc/web/ns/user.slice\n", "web"},
    {"docker in lxc", "0::/lxc.payload.web/system.slice/docker-" ID_A ".scope\n", "web"},
    {"lxc monitor", "0::/lxc.monitor.web\n", NULL},
    {"lxc 3 monitor", "1:name=systemd:/lxc.monitor/web\n", NULL},
    {"lxc's parent", "0::/lxc\n", NULL},
    {"lxc name with a slash only", "0::/lxc/\n", NULL},
    /* the host */
    {"root", "0::/\n", NULL},
    {"a session", "0::/user.slice/user-1000.slice/session-3.scope\n", NULL},
    {"a service", "0::/system.slice/ssh.service\n", NULL},
    {"init", "0::/init.scope\n", NULL},
    {"a manager with 32 hex digits",
     "4:memory:/job_manager/e2f8b7fc0abe3ffea4d3aa3fcfaf37e7\n0::/\n", NULL},
    {"63 digits", "0::/docker/f4b1c0d9e8a7f6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b\n",
     NULL},
    {"65 digits", "0::/docker/" ID_A "0\n", NULL},
    {"capitals", "0::/docker/3F4B1C0D9E8A7F6B5C4D3E2F1A0B9C8D7E6F5A4B3C2D1E0F9A8B7C6D5E4F3A2B\n",
     NULL},
    {"an id as a controller", "0:" ID_A ":/\n", NULL},
    {"empty", "", NULL},
    {"no colons", "/docker/" ID_A "\n", NULL},
    {"one colon", "0:/docker/" ID_A "\n", NULL},
    {"only newlines", "\n\n\n", NULL},
};

static void test_cgroup_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char id[CONTAINER_ID_MAX + 1];
        bool found = cgroup_find_container(cases[i].text, id);

        if (found != (cases[i].id != NULL) || strcmp(id, cases[i].id ? cases[i].id : "") != 0)
            fail_msg("%s: got %s '%s'", cases[i].what, found ? "container" : "none", id);
    }
}

static void test_name_is_bounded(void **state)
{
    char text[256] = "0::/lxc/";
    char id[CONTAINER_ID_MAX + 1];

    (void)state;
    memset(text + 8, 'n', CONTAINER_ID_MAX);
    assert_true(cgroup_find_container(text, id));
    assert_int_equal(strlen(id), CONTAINER_ID_MAX);
    text[8 + CONTAINER_ID_MAX] = 'n';
    assert_false(cgroup_find_container(text, id));
}

static bool is_web_or_db(const void *context, const char *name)
{
    assert_non_null(context);
    return strcmp(name, "web") == 0 || strcmp(name, "db-1") == 0;
}

static void test_a_known_name(void **state)
{
    static const struct text_case known[] = {
        {"runc by itself", "0::/web\n", "web"},
        {"crun by itself", "0::/web/container\n", "web"},
        {"below who started it", "0::/user.slice/user-0.slice/session-1.scope/web\n", "web"},
        {"in a later line", "3:cpu:/\n2:pids:/web\n0::/\n", "web"},
        {"the outermost", "0::/a/web/db-1/b\n", "web"},
        {"escaped", "0::/db\\x2d1\n", "db-1"},
        {"a part of a name", "0::/web.service/webs/we\n", NULL},
        {"with a colon beside", "0::/a:b/web\n", "web"},
        {"of a controller", "4:web:/\n", NULL},
        {"none", "0::/\n", NULL},
        {"nothing", "", NULL},
        {"no such line", "web\n", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        char id[CONTAINER_ID_MAX + 1];
        struct cgroup_names names = {is_web_or_db, known};
        bool found = cgroup_find_known(known[i].text, &names, id);

        if (found != (known[i].id != NULL) || strcmp(id, known[i].id ? known[i].id : "") != 0)
            fail_msg("%s: %s", known[i].what, id);
    }
}

static void test_a_name_that_is_recorded(void **state)
{
    struct cgroup_names names = {is_web_or_db, cases};
    char id[CONTAINER_ID_MAX + 1];

    (void)state;
    assert_false(caller_known_find(1, "0::/web\n", NULL, id));
    assert_true(caller_known_find(1, "0::/web/" ID_A "\n", &names, id));
    assert_string_equal(id, "web"); /* what is in it calls itself what it likes */
    assert_true(caller_known_find(1, "0::/docker/" ID_A "/web\n", &names, id));
    assert_string_equal(id, ID_A);
    assert_true(caller_known_find(1, "0::/a/web/db-1\n", &names, id));
    assert_string_equal(id, "web");
    assert_false(caller_known_find(1, "0::/a\n", &names, id));
}

static void test_namespace_name(void **state)
{
    char id[CONTAINER_ID_MAX + 1];

    (void)state;
    assert_false(caller_is_namespace("mnt-"));
    assert_false(caller_is_namespace("mnt-12x"));
    assert_false(caller_is_namespace("web"));
    caller_name_namespace(4026532345, id);
    assert_true(caller_is_namespace(id));
    assert_string_equal(id, "mnt-4026532345");
}

static void test_own_process_is_the_host(void **state)
{
    struct caller caller;

    (void)state;
    caller_identify(getpid(), &caller);
    assert_int_equal(caller.kind, CALLER_HOST);
    assert_string_equal(caller.container_id, "");
}

static void test_nobody_is_unknown(void **state)
{
    struct caller caller = {.kind = CALLER_HOST};
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    caller_identify(pid, &caller); /* gone */
    assert_int_equal(caller.kind, CALLER_UNKNOWN);
    caller_identify(0, &caller);
    assert_int_equal(caller.kind, CALLER_UNKNOWN);
    caller_identify(-1, &caller);
    assert_int_equal(caller.kind, CALLER_UNKNOWN);
}

static void skip_unless_root(void)
{
    if (geteuid() != 0) {
        print_message("# skip: needs root for namespaces\n");
        skip();
    }
}

/* In the child: enters a mount namespace of its own, with another root if `root` is given, says so,
 * and waits to be killed, at the latest by the end of this program. */
static void child_wait(const int ready[2], const char *root)
{
    bool ok = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && unshare(CLONE_NEWNS) == 0 &&
              (!root || (chroot(root) == 0 && chdir("/") == 0));
    char byte = ok;

    if (write(ready[1], &byte, 1) == 1)
        pause();
    _exit(1);
}

/* fork, by which the child gets the number `tid`. The kernel counts on from the last number given;
 * others may be faster. */
static pid_t fork_as(pid_t tid)
{
    for (int i = 0; i < 1000; i++) {
        int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
        pid_t pid;

        assert_true(fd >= 0);
        assert_true(dprintf(fd, "%d", (int)tid - 1) > 0);
        close(fd);
        pid = fork();
        if (pid == 0 && getpid() != tid)
            _exit(0);
        if (pid == 0 || pid == tid)
            return pid;
        waitpid(pid, NULL, 0);
    }
    return -1;
}

/* A child as above, with the number `tid`; 0: any. */
static pid_t start_child_as(pid_t tid, const char *root)
{
    int ready[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = tid ? fork_as(tid) : fork();
    if (pid == 0)
        child_wait(ready, root);
    assert_true(pid > 0);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    assert_int_equal(byte, 1);
    return pid;
}

static pid_t start_child(const char *root)
{
    return start_child_as(0, root);
}

/*
 * The first test, as what is known of the host is read once: here a child reads it, in whose pid
 * namespace /proc/1 is somebody else.
 */
static void test_proc_of_another_pid_namespace_tells_nothing(void **state)
{
    struct caller caller;
    int status = -1;
    pid_t pid;

    (void)state;
    skip_unless_root();
    pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWPID) < 0)
            _exit(1);
        pid = fork();
        if (pid == 0) {
            caller_identify(getpid(), &caller);
            _exit(caller.kind == CALLER_UNKNOWN ? 0 : 2);
        }
        _exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void stop_child(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void test_copied_namespace_is_the_host(void **state)
{
    struct caller caller;
    pid_t pid;

    (void)state;
    skip_unless_root();
    pid = start_child(NULL);
    caller_identify(pid, &caller);
    stop_child(pid);
    assert_int_equal(caller.kind, CALLER_HOST);
}

static void test_namespace_with_another_root_is_a_container(void **state)
{
    char root[] = "/tmp/volumefs-caller-XXXXXX";
    struct caller caller;
    pid_t pid;

    (void)state;
    skip_unless_root();
    assert_non_null(mkdtemp(root));
    pid = start_child(root);
    caller_identify(pid, &caller);
    stop_child(pid);
    rmdir(root);
    assert_int_equal(caller.kind, CALLER_CONTAINER);
    assert_memory_equal(caller.container_id, "mnt-", 4);
}

/* ---- callers that come again -------------------------------------------------- */

static enum caller_kind kind_again(pid_t pid)
{
    struct caller caller;

    caller_identify_again(pid, NULL, &caller);
    return caller.kind;
}

/* Whoever had the number before, and whether or not it was asked for meanwhile. */
static void test_a_reused_id_is_who_has_it_now(void **state)
{
    char root[] = "/tmp/volumefs-caller-XXXXXX";
    pid_t pid, same;

    (void)state;
    skip_unless_root();
    assert_non_null(mkdtemp(root));
    pid = start_child(root);
    assert_int_equal(kind_again(pid), CALLER_CONTAINER);
    assert_int_equal(kind_again(pid), CALLER_CONTAINER);
    stop_child(pid);
    same = start_child_as(pid, NULL);
    assert_int_equal(same, pid);
    assert_int_equal(kind_again(pid), CALLER_HOST);
    stop_child(pid);
    assert_int_equal(kind_again(pid), CALLER_UNKNOWN);
    same = start_child_as(pid, root);
    assert_int_equal(same, pid);
    assert_int_equal(kind_again(pid), CALLER_CONTAINER);
    stop_child(pid);
    rmdir(root);
}

static void test_who_becomes_a_container_is_one(void **state)
{
    char root[] = "/tmp/volumefs-caller-XXXXXX";
    int go[2], done[2];
    char byte = 1;
    pid_t pid;

    (void)state;
    skip_unless_root();
    assert_non_null(mkdtemp(root));
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(done), 0);
    pid = fork();
    if (pid == 0) {
        if (read(go[0], &byte, 1) == 1)
            child_wait(done, root);
        _exit(1);
    }
    assert_int_equal(kind_again(pid), CALLER_HOST);
    assert_int_equal(write(go[1], &byte, 1), 1);
    assert_int_equal(read(done[0], &byte, 1), 1);
    assert_int_equal(byte, 1);
    assert_int_equal(kind_again(pid), CALLER_CONTAINER);
    stop_child(pid);
    rmdir(root);
}

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(directory);
    while (readdir(directory)) // NOLINT(concurrency-mt-unsafe): a stream of our own
        count++;
    closedir(directory);
    return count;
}

enum { MANY = 40, KEPT_MOST = 16 };

struct many {
    pid_t pids[MANY];
    int descriptors; /* that a thread keeps of them; −1: it was wrong about one */
};

static void *identify_many(void *context)
{
    int before = count_descriptors();
    struct many *many = context;

    for (int i = 0; i < MANY * 3; i++)
        if (kind_again(many->pids[i * 7 % MANY]) != CALLER_CONTAINER)
            return NULL;
    many->descriptors = count_descriptors() - before;
    return NULL;
}

static void test_few_descriptors_are_kept_and_none_outlives_its_thread(void **state)
{
    char root[] = "/tmp/volumefs-caller-XXXXXX";
    struct many many = {.descriptors = -1};
    int before = count_descriptors();
    pthread_t thread;

    (void)state;
    skip_unless_root();
    assert_non_null(mkdtemp(root));
    for (int i = 0; i < MANY; i++)
        many.pids[i] = start_child(root);
    assert_int_equal(pthread_create(&thread, NULL, identify_many, &many), 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < MANY; i++)
        stop_child(many.pids[i]);
    assert_in_range(many.descriptors, 1, KEPT_MOST);
    assert_int_equal(count_descriptors(), before);
    rmdir(root);
}

static void test_a_container_is_known_by_its_process(void **state)
{
    char root[] = "/tmp/volumefs-caller-XXXXXX";
    struct caller caller;
    pid_t pid;

    (void)state;
    skip_unless_root();
    assert_non_null(mkdtemp(root));
    pid = start_child(root);
    assert_int_equal(caller_known_add("web", pid), 0);
    assert_int_equal(caller_known_add("me", getpid()), 0); /* the host is nobody's */
    caller_identify(pid, &caller);
    assert_int_equal(caller.kind, CALLER_CONTAINER);
    assert_string_equal(caller.container_id, "web");
    caller_identify(getpid(), &caller);
    assert_int_equal(caller.kind, CALLER_HOST);
    caller_known_remove("web", getpid()); /* not so */
    caller_known_add("web", pid);
    caller_known_remove("web", pid);
    caller_identify(pid, &caller);
    assert_string_equal(caller.container_id, "web");
    caller_known_remove("web", pid);
    caller_identify(pid, &caller);
    assert_int_equal(strncmp(caller.container_id, "mnt-", 4), 0);
    stop_child(pid);
    rmdir(root);
}

/* Whether a process gets the number of a mount namespace that is gone; it is identified then.
 * Another test's may have got it first. */
static bool get_number_of(ino_t gone, const char *root, struct caller *caller)
{
    enum { TRIES = 100 };
    ino_t number = 0;

    for (int i = 0; i < TRIES && number != gone; i++) {
        pid_t pid = start_child(root);

        assert_true(caller_read_namespace(pid, &number));
        caller_identify(pid, caller);
        stop_child(pid);
    }
    return number == gone;
}

/* The number of a mount namespace is given to the next one, and whoever notices ends may be late.
 */
static void test_a_namespace_that_is_gone_is_nobodys(void **state)
{
    enum { ROUNDS = 20 };
    char root[] = "/tmp/volumefs-caller-XXXXXX";
    struct caller caller;
    bool again = false;

    (void)state;
    skip_unless_root();
    assert_non_null(mkdtemp(root));
    for (int i = 0; i < ROUNDS && !again; i++) {
        pid_t known = start_child(root);
        ino_t number;

        assert_int_equal(caller_known_add("web", known), 0);
        assert_true(caller_read_namespace(known, &number));
        stop_child(known);
        again = get_number_of(number, root, &caller);
        assert_true(!again || strcmp(caller.container_id, "web") != 0);
        caller_known_remove("web", known);
    }
    rmdir(root);
    assert_true(again);
}

/* A child as above, whose pid namespace is that of process `like`, or a new one. */
static pid_t start_child_among(pid_t like, const char *root)
{
    int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    char path[64];
    int other;
    pid_t pid;

    snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)like);
    other = like ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    assert_int_equal(like ? setns(other, CLONE_NEWPID) : unshare(CLONE_NEWPID), 0);
    pid = start_child(root);
    assert_int_equal(setns(own, CLONE_NEWPID), 0);
    close(own);
    if (other >= 0)
        close(other);
    return pid;
}

static void assert_is(pid_t pid, const char *id)
{
    struct caller once, again;

    caller_identify(pid, &once);
    caller_identify_again(pid, NULL, &again);
    assert_int_equal(once.kind, CALLER_CONTAINER);
    assert_int_equal(again.kind, CALLER_CONTAINER);
    assert_string_equal(once.container_id, again.container_id);
    if (id)
        assert_string_equal(once.container_id, id);
    else
        assert_int_equal(strncmp(once.container_id, "mnt-", 4), 0);
}

/* Neither its mount namespace nor its control group says so. */
static void test_a_container_is_known_by_its_pid_namespace(void **state)
{
    char root[] = "/tmp/volumefs-caller-XXXXXX";
    struct pid_namespaces namespaces;
    pid_t first, second, other;

    (void)state;
    skip_unless_root();
    assert_non_null(mkdtemp(root));
    first = start_child_among(0, root);
    second = start_child_among(first, root);
    other = start_child_among(0, root);
    assert_true(caller_read_pid_namespaces(getpid(), &namespaces));
    assert_int_equal(namespaces.count, 0);
    assert_true(caller_read_pid_namespaces(second, &namespaces));
    assert_int_equal(namespaces.count, 1);
    assert_false(caller_read_pid_namespaces(0, &namespaces));
    assert_is(second, NULL);
    assert_int_equal(caller_known_add("web", first), 0);
    assert_is(second, "web");
    assert_is(other, NULL);
    /* where two containers share it, it is nobody's */
    assert_int_equal(caller_known_add("db", second), 0);
    assert_is(first, "web"); /* by its mount namespace */
    assert_is(second, "db");
    caller_known_remove("web", first);
    assert_is(first, "db");
    caller_known_remove("db", second);
    assert_is(second, NULL);
    stop_child(other);
    stop_child(second);
    stop_child(first);
    rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_of_another_pid_namespace_tells_nothing),
        cmocka_unit_test(test_cgroup_texts),
        cmocka_unit_test(test_name_is_bounded),
        cmocka_unit_test(test_a_known_name),
        cmocka_unit_test(test_a_name_that_is_recorded),
        cmocka_unit_test(test_namespace_name),
        cmocka_unit_test(test_own_process_is_the_host),
        cmocka_unit_test(test_nobody_is_unknown),
        cmocka_unit_test(test_copied_namespace_is_the_host),
        cmocka_unit_test(test_namespace_with_another_root_is_a_container),
        cmocka_unit_test(test_a_container_is_known_by_its_process),
        cmocka_unit_test(test_a_namespace_that_is_gone_is_nobodys),
        cmocka_unit_test(test_a_container_is_known_by_its_pid_namespace),
        cmocka_unit_test(test_a_reused_id_is_who_has_it_now),
        cmocka_unit_test(test_who_becomes_a_container_is_one),
        cmocka_unit_test(test_few_descriptors_are_kept_and_none_outlives_its_thread),
    };

    return cmocka_run_group_tests_name("caller", tests, NULL, NULL);
}
