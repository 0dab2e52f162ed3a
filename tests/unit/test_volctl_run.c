/*
 * The commands that make and run containers, a row each (volctl_rows.h), with a runtime that is a
 * script: what it is called with, and what becomes of its end and its words.
 */
#include "catalog/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/volctl_rows.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NO(text) "{\"message\":\"" text "\",\"code\":\"x\"}"
#define PROCESS(args, more)                                                                        \
    "\"Process\":{\"Args\":" args ",\"Env\":[],\"Cwd\":\"/\",\"User\":\"\",\"Terminal\":false,"    \
    "\"Interactive\":" more "}"
#define CONTAINER(args)                                                                            \
    "{\"Id\":\"" ID "\",\"Name\":\"c\",\"State\":\"created\",\"Pid\":0,\"AutoRemove\":false,"      \
    "\"Rootfs\":\"@DIR@/rootfs\"," PROCESS(args, "false") ",\"Mounts\":[]}"
#define CREATE(more)                                                                               \
    "POST /volumefs/containers {\"Volumes\":[],\"Mounts\":[],\"VolumesFrom\":[]," more "}\n"
#define ROOTED(process)  CREATE("\"Id\":\"@ID@\",\"Rootfs\":\"@DIR@/rootfs\"," process)
#define STARTED(process) ROOTED("\"Starts\":true," process)
#define END(code)        "POST /volumefs/containers/@ID@/end {\"ExitCode\":" code "}\n"
#define START            "POST /volumefs/containers/@ID@/start {\"Pid\":4242}\n"
#define RUN              "run", "--runtime=./fake", "--rootfs=rootfs"

/* The runtime does what the command says, which it finds in the configuration. */
static const char fake[] =
    "#!/bin/sh\n"
    "cd \"${0%/*}\" && echo \"$*\" >>calls\n"
    "for id; do :; done\n"
    "while [ $# -gt 0 ]; do\n"
    "  case $1 in --log) log=$2 ;; --bundle) bundle=$2 ;; --pid-file) pid=$2 ;; esac; shift\n"
    "done\n"
    "[ -n \"$bundle\" ] || exit 0\n"
    "cp \"$bundle/config.json\" config\n"
    "case $(cat config) in\n"
    "*'\"args\":[\"echo\"'*) echo err >&2; echo 1 >\"$pid\"; echo out; cat; exit 3 ;;\n"
    "*'\"args\":[\"late\"'*) echo 1 >\"$pid\"; kill -9 $$ ;;\n"
    "*'\"args\":[\"early\"'*) kill -9 $$ ;;\n"
    "*'\"args\":[\"none\"'*) echo '{\"level\":\"error\",\"msg\":\"exec: \\\"none\\\": executable "
    "file not found in $PATH\"}' >\"$log\"; echo raw >&2; exit 1 ;;\n"
    "*'\"args\":[\"hooked\"'*) hook=$(sed "
    "'s/.*\"createRuntime\":.{\"path\":\"\\([^\"]*\\)\".*/\\1/' config)\n"
    "  echo '{\"id\":\"'$id'\",\"pid\":4242}' | \"$hook\" \"$bundle\" || exit 1; echo 1 >\"$pid\" "
    ";;\n"
    "*'\"args\":[\"odd\"'*) echo odd words >&2; exit 1 ;;\n"
    "*) echo 1 >\"$pid\"; exit 0 ;;\n"
    "esac\n";

/* clang-format off */
static const struct row rows[] = {
    /* what is asked of the daemon */
    {{"container", "create", "--name", "c", "-v", "web:/web"}, .answers = {{201, "{\"Id\":\"i\"}"}},
     .requests = "POST /volumefs/containers {\"Volumes\":[\"web:/web\"],\"Mounts\":[],\"VolumesFrom\":[],\"Name\":\"c\"}\n", .out = "i\n"},
    {{"container", "create", "--rootfs", "./rootfs/"}, .answers = {{201, "{\"Id\":\"i\"}"}},
     .requests = CREATE("\"Id\":\"@ID@\",\"Rootfs\":\"@DIR@/rootfs\""), .out = "i\n"},
    {{"container", "create", "--rootfs=rootfs", "--rm", "-e", "A=1", "-w", "/w", "-u", "web", "-i", "-t", "sh", "-c", "x"}, .answers = {{201, "{\"Id\":\"i\"}"}},
     .requests = ROOTED("\"AutoRemove\":true,\"Process\":{\"Args\":[\"sh\",\"-c\",\"x\"],\"Env\":[\"A=1\"],\"Cwd\":\"/w\",\"User\":\"web\",\"Terminal\":true,\"Interactive\":true}"), .out = "i\n"},
    {{"container", "create", "--rootfs=rootfs", "--hostname", "db", "--read-only", "--", "-x"}, .answers = {{201, "{\"Id\":\"i\"}"}},
     .requests = ROOTED("\"Process\":{\"Args\":[\"-x\"],\"Env\":[],\"Cwd\":\"/\",\"User\":\"\",\"Terminal\":false,\"Interactive\":false,\"Hostname\":\"db\",\"ReadOnly\":true}"), .out = "i\n"},

    /* mistakes */
    {{"container", "create", "true"}, .status = 2, .error = "volctl container create: which rootfs? give --rootfs DIR"},
    {{"container", "create", "--rm"}, .status = 2, .error = "--rm is for a container that runs"},
    {{"container", "create", "-e", "A=1"}, .status = 2, .error = "what is to be run?"},
    {{"run"}, .status = 125, .error = "volctl run: an argument is missing"},
    {{"run", "true"}, .status = 125, .error = "volctl run: which rootfs? give --rootfs DIR"},
    {{"run", "--frobnicate", "true"}, .status = 125, .error = "unrecognized option '--frobnicate'"},
    {{"run", "--rootfs=none", "true"}, .status = 125, .error = "volctl run: --rootfs none: No such file or directory"},
    {{"run", "--rootfs=fake", "true"}, .status = 125, .error = "--rootfs fake is no directory; unpack it first: tar -xf fake -C DIR"},
    {{"run", "--rootfs=/", "true"}, .status = 125, .error = "--rootfs / is the host itself"},
    {{RUN, "-w", "x", "true"}, .status = 125, .error = "the working directory 'x' must be an absolute path"},
    {{RUN, "-e", "=1", "true"}, .status = 125, .error = "the variable '=1' has no name"},
    {{RUN, "--env-file", "none", "true"}, .status = 125, .error = "cannot read --env-file none: No such file"},
    {{RUN, "--hostname", "a b", "true"}, .status = 125, .error = "--hostname 'a b' is no name of a host"},
    {{RUN, "--hostname=-a", "true"}, .status = 125, .error = "--hostname '-a' is no name of a host"},
    {{RUN, "-d", "-t", "true"}, .status = 125, .error = "--detach goes with neither --tty nor --interactive"},
    {{RUN, "-i", "-t", "true"}, .status = 125, .error = "--tty needs a terminal as the standard input"},
    {{RUN, "-t", "true"}, .status = 125, .error = "--tty needs a terminal as the standard input"},
    {{RUN, "\xff"}, .status = 125, .error = "is not UTF-8"},
    {{RUN, "-v", "web", "true"}, .status = 125, .error = "where in the container is 'web' to be?"},
    {{RUN, "echo"}, .answers = {{409, NO("Conflict. The name is taken")}}, .requests = STARTED(PROCESS("[\"echo\"]", "false")),
     .status = 125, .error = "volctl: Conflict. The name is taken\n"},
    {{"run", "--runtime=nosuchruntime", "--rootfs=rootfs", "echo"}, .answers = {{201, CONTAINER("[\"echo\"]")}, {204}},
     .requests = STARTED(PROCESS("[\"echo\"]", "false")) END("125"), .status = 125, .error = "volctl: there is no runtime 'nosuchruntime' here; install"},
    {{"run", "--runtime=./rootfs/none", "--rootfs=rootfs", "echo"}, .answers = {{201, CONTAINER("[\"echo\"]")}, {204}},
     .requests = STARTED(PROCESS("[\"echo\"]", "false")) END("125"), .status = 125, .error = "volctl: cannot use the runtime ./rootfs/none: No such file"},
    {{RUN, "-u", "web", "echo"},
     .answers = {{201, "{\"Id\":\"" ID "\",\"Rootfs\":\"@DIR@/rootfs\",\"Process\":{\"Args\":[\"a\"],\"User\":\"web\"}}"}, {204}},
     .requests = STARTED("\"Process\":{\"Args\":[\"echo\"],\"Env\":[],\"Cwd\":\"/\",\"User\":\"web\",\"Terminal\":false,\"Interactive\":false}") END("125"),
     .status = 125, .error = "volctl: unable to find user web"},

    /* ends */
    {{RUN, "-i", "echo", "--", "-x"}, .input = "in\n", .answers = {{201, CONTAINER("[\"echo\"]")}, {204}},
     .requests = STARTED(PROCESS("[\"echo\",\"--\",\"-x\"]", "true")) END("3"), .status = 3, .out = "out\nin\n", .error = "err\n"},
    {{RUN, "echo"}, .input = "in\n", .answers = {{201, CONTAINER("[\"echo\"]")}, {204}},
     .requests = STARTED(PROCESS("[\"echo\"]", "false")) END("3"), .status = 3, .out = "out\n", .error = "err\n"},
    {{RUN, "none"}, .answers = {{201, CONTAINER("[\"none\"]")}, {204}},
     .requests = STARTED(PROCESS("[\"none\"]", "false")) END("127"), .status = 127,
     .error = "volctl: fake: exec: \"none\": executable file not found in $PATH; the command is looked for in the rootfs @DIR@/rootfs, not on the host\n"},
    {{RUN, "odd"}, .answers = {{201, CONTAINER("[\"odd\"]")}, {204}},
     .requests = STARTED(PROCESS("[\"odd\"]", "false")) END("125"), .status = 125, .error = "volctl: fake: odd words; "},
    {{RUN, "early"}, .answers = {{201, CONTAINER("[\"early\"]")}, {204}},
     .requests = STARTED(PROCESS("[\"early\"]", "false")) END("125"), .status = 125, .error = "volctl: the runtime fake was ended by signal 9 before the command ran"},
    {{RUN, "late"}, .answers = {{201, CONTAINER("[\"late\"]")}, {204}},
     .requests = STARTED(PROCESS("[\"late\"]", "false")) END("125"), .status = 125, .error = "volctl: the runtime fake was ended by signal 9 while the container ran"},
    {{RUN, "true"}, .answers = {{201, CONTAINER("[\"true\"]")}, {404, NO("No such container")}},
     .requests = STARTED(PROCESS("[\"true\"]", "false")) END("0"), .out = ""},
    {{RUN, "true"}, .answers = {{201, CONTAINER("[\"true\"]")}, {500, NO("disk full")}},
     .requests = STARTED(PROCESS("[\"true\"]", "false")) END("0"), .out = "", .error = "volctl: disk full\n"},
    {{RUN, "hooked"}, .answers = {{201, CONTAINER("[\"hooked\"]")}, {201, "{}"}, {204}},
     .requests = STARTED(PROCESS("[\"hooked\"]", "false")) START END("0"), .out = ""},
    {{RUN, "hooked"}, .answers = {{201, CONTAINER("[\"hooked\"]")}, {409, NO("it runs already")}, {204}},
     .requests = STARTED(PROCESS("[\"hooked\"]", "false")) START END("125"), .status = 125, .out = "", .error = "volctl: it runs already\n"},
    {{RUN, "-d", "hooked"}, .answers = {{201, CONTAINER("[\"hooked\"]")}, {409, NO("it runs already")}, {204}},
     .requests = STARTED(PROCESS("[\"hooked\"]", "false")) START END("125"), .status = 125, .out = "", .error = "volctl: it runs already\n"},
    {{RUN, "-d", "none"}, .answers = {{201, CONTAINER("[\"none\"]")}, {204}},
     .requests = STARTED(PROCESS("[\"none\"]", "false")) END("127"), .status = 127, .error = "volctl: fake: exec: \"none\""},

    {{"start", "-a", "--runtime=./fake", "c"}, .answers = {{200, CONTAINER("[\"echo\"]")}, {200, "{}"}, {204}},
     .requests = "GET /volumefs/containers/c \nGET /volumefs/containers/@ID@ \n" END("3"), .status = 3, .out = "out\n", .error = "err\n"},
    {{"start", "-i", "--runtime=./fake", "c"}, .input = "in\n", .answers = {{200, CONTAINER("[\"echo\"]")}, {200, "{}"}, {204}},
     .requests = "GET /volumefs/containers/c \nGET /volumefs/containers/@ID@ \n" END("3"), .status = 3, .out = "out\nin\n", .error = "err\n"},
    {{"start", "--runtime=./fake", "c"}, .answers = {{200, CONTAINER("[\"none\"]")}, {200, "{}"}, {204}},
     .requests = "GET /volumefs/containers/c \nGET /volumefs/containers/@ID@ \n" END("127"), .status = 1, .error = "volctl: fake: exec: \"none\""},
    {{"start", "--runtime=./fake", "c"}, .answers = {{200, CONTAINER("[\"true\"]")}, {200, "{\"State\":\"running\",\"Pid\":7}"}},
     .requests = "GET /volumefs/containers/c \nGET /volumefs/containers/@ID@ \n", .status = 1, .error = "runs already, as process 7\n"},
    {{"start", "c"}, .answers = {{404, NO("No such container: c")}}, .requests = "GET /volumefs/containers/c \n", .status = 1, .error = "volctl: No such container: c\n"},
    {{"start", "-a", "c"}, .answers = {{404, NO("No such container: c")}}, .requests = "GET /volumefs/containers/c \n", .status = 125, .error = "volctl: No such container: c\n"},
    {{"start", "c"}, .answers = {{200, "{\"Id\":\"i\",\"State\":\"running\",\"Pid\":7}"}}, .requests = "GET /volumefs/containers/c \n", .status = 1,
     .error = "volctl: container c runs already, as process 7\n"},
    {{"start", "c"}, .answers = {{200, "{\"Id\":\"i\",\"State\":\"created\",\"Process\":null,\"Rootfs\":\"\"}"}}, .requests = "GET /volumefs/containers/c \n", .status = 1,
     .error = "volctl: container c was made without a command, to hold volumes"},
    {{"start", "c"}, .answers = {{200, "{\"Id\":\"i\",\"Process\":{\"Terminal\":true},\"Rootfs\":\"/r\"}"}}, .requests = "GET /volumefs/containers/c \n", .status = 1,
     .error = "volctl: container c was made with --tty: start it in the foreground, with: volctl start -a c\n"},
    {{"start", "-a", "c"}, .answers = {{200, "{\"Id\":\"i\",\"Process\":{\"Terminal\":true},\"Rootfs\":\"/r\"}"}}, .requests = "GET /volumefs/containers/c \n", .status = 125,
     .error = "the standard input is no terminal"},
    {{"start", "-a", "a", "b"}, .status = 2, .error = "--attach is for one container"},
    {{"start"}, .status = 2, .error = "an argument is missing"},

    {{"stop", "a", "b"}, .answers = {{200, "{\"State\":\"exited\",\"Pid\":0}"}, {404, NO("No such container: b")}},
     .requests = "GET /volumefs/containers/a \nGET /volumefs/containers/b \n", .status = 1, .out = "a\n", .error = "volctl: No such container: b\n"},
    {{"stop", "-t", "x", "a"}, .status = 2, .error = "--timeout 'x' is no number of seconds"},
    {{"stop", "--time=-1", "a"}, .status = 2, .error = "--timeout '-1' is no number of seconds"},
    {{"kill", "a"}, .answers = {{200, "{\"State\":\"exited\",\"Pid\":0}"}}, .requests = "GET /volumefs/containers/a \n", .status = 1, .error = "volctl: container a is not running\n"},
    {{"kill", "-s", "FROB", "a"}, .status = 2, .error = "--signal 'FROB' is no signal"},
    {{"kill", "-s", "0", "a"}, .status = 2, .error = "--signal '0' is no signal"},

    {{"container", "ls"}, .answers = {{200, "{\"Containers\":[{\"Id\":\"" ID "\",\"Name\":\"c\",\"State\":\"exited\",\"ExitCode\":3,\"Runtime\":\"volctl\",\"CreatedAt\":null},"
                                            "{\"Id\":\"i\",\"State\":\"exited\",\"ExitCode\":null,\"CreatedAt\":null},{\"Id\":\"j\",\"State\":\"running\",\"ExitCode\":3,\"CreatedAt\":null}]}"}},
     .requests = "GET /volumefs/containers \n",
     .out = "ID           NAME STATE      RUNTIME CREATED MOUNTS\n0123456789ab c    exited (3) volctl  never   -\ni            -    exited     -       never   -\nj            -    running    -       never   -\n"},
    {{"container", "ls", "-a", "-q"}, .answers = {{200, "{\"Containers\":[{\"Id\":\"" ID "\"}]}"}}, .requests = "GET /volumefs/containers \n", .out = "@ID@\n"},
    {{"container", "start"}, .status = 2, .error = "volctl container start: an argument is missing"},
    {{"container", "stop", "a"}, .answers = {{200, "{\"State\":\"exited\",\"Pid\":0}"}}, .requests = "GET /volumefs/containers/a \n", .out = "a\n"},
    {{"container", "kill", "a"}, .answers = {{200, "{\"State\":\"exited\",\"Pid\":0}"}}, .requests = "GET /volumefs/containers/a \n", .status = 1, .error = "volctl: container a is not running\n"},
    {{"container", "prune", "-f"}, .answers = {{200, "{\"ContainersDeleted\":[{\"Id\":\"" ID "\",\"Name\":\"c\"},{\"Id\":\"" ID "\",\"Name\":\"\"}]}"}},
     .requests = "POST /volumefs/containers/prune {\"All\":false,\"DryRun\":false}\n", .out = "Deleted Containers:\nc\n@ID@\n"},
    {{"container", "prune", "-a", "--dry-run"}, .answers = {{200, "{\"ContainersDeleted\":[{\"Id\":\"" ID "\",\"Name\":\"c\"}]}"}},
     .requests = "POST /volumefs/containers/prune {\"All\":true,\"DryRun\":true}\n", .out = "Would delete containers:\nc\n"},
    {{"container", "prune"}, .input = "y\n", .answers = {{200, "{\"ContainersDeleted\":[]}"}},
     .requests = "POST /volumefs/containers/prune {\"All\":false,\"DryRun\":false}\n", .out = "Nothing to delete.\n",
     .error = "WARNING! This will remove all containers that have ended.\nAre you sure you want to continue? [y/N] "},
    {{"container", "prune", "--all"}, .input = "no\n", .status = 1, .error = "WARNING! This will remove all containers that do not run.\n"},
    {{"container", "rm", "c"}, .answers = {{200, "{\"Id\":\"" ID "\"}"}, {200, "{\"VolumesDeleted\":[]}"}},
     .requests = "GET /volumefs/containers/c \nDELETE /volumefs/containers/c \n", .out = "c\n"},
    {{"container", "rm", "-f", "c"}, .answers = {{200, "{\"Id\":\"" ID "\"}"}, {404, NO("No such container: c")}},
     .requests = "GET /volumefs/containers/c \nDELETE /volumefs/containers/c?force=1 \n", .out = "c\n"},
    {{"container", "rm", "-f", "c"}, .answers = {{404, NO("No such container: c")}, {404, NO("No such container: c")}},
     .requests = "GET /volumefs/containers/c \nDELETE /volumefs/containers/c?force=1 \n", .status = 1, .error = "volctl: No such container: c\n"},
};
/* clang-format on */

static void test_rows(void **state)
{
    (void)state;
    rows_run(rows, sizeof(rows) / sizeof(rows[0]));
}

static bool is_there(const char *name)
{
    _cleanup_(free_p) char *path = rows_path(name);

    return access(path, F_OK) == 0;
}

static void forget(const char *name)
{
    _cleanup_(free_p) char *path = rows_path(name);

    unlink(path);
}

static void make_directory(const char *name)
{
    _cleanup_(free_p) char *path = rows_path(name);

    assert_int_equal(mkdir(path, 0700), 0);
}

#define BUNDLE "@DIR@/bundles/@ID@"
#define CALL                                                                                       \
    "--root @DIR@/runtime/fake --log " BUNDLE                                                      \
    "/runtime.log --log-format json run --bundle " BUNDLE " --pid-file " BUNDLE "/pid @ID@\n"

static const struct row run_true = {
    .arguments = {RUN, "true"},
    .answers = {{201, CONTAINER("[\"true\"]")}, {204}},
    .requests = STARTED(PROCESS("[\"true\"]", "false")) END("0"),
};

/* What the runtime is called with; and nothing is left of the run. */
static void test_a_run(void **state)
{
    _cleanup_(free_p) char *calls = NULL, *config = NULL;

    (void)state;
    forget("calls");
    rows_run(&run_true, 1);
    calls = rows_read("calls");
    assert_string_equal(calls, CALL);
    config = rows_read("config");
    assert_non_null(strstr(config, "\"path\":\"@DIR@/rootfs\""));
    assert_non_null(strstr(config, "volctl-hook\",\"@DIR@/bundles/@ID@\"]"));
    assert_false(is_there("bundles/" ID));
}

/* What a killed run left is cleared before the next, by the runtime that it had. */
static void test_a_leftover(void **state)
{
    _cleanup_(free_p) char *calls = NULL, *runtime = rows_path("fake");

    (void)state;
    forget("calls");
    make_directory("bundles/" ID);
    make_directory("bundles/" ID "/mounts");
    make_directory("bundles/" ID "/mounts/0");
    rows_write("bundles/" ID "/runtime", runtime, 0600);
    rows_write("bundles/" ID "/pid", "1", 0600);
    rows_write("bundles/" ID "/mounts/1", "", 0600);
    rows_run(&run_true, 1);
    calls = rows_read("calls");
    assert_string_equal(calls, "--root @DIR@/runtime/fake delete --force @ID@\n" CALL);
    assert_false(is_there("bundles/" ID));
}

/* Removing a container takes away what a killed run left of it. */
static void test_a_leftover_is_removed_with_its_container(void **state)
{
    static const struct row row = {
        .arguments = {"container", "rm", "c"},
        .answers = {{200, "{\"Id\":\"" ID "\"}"}, {200, "{\"VolumesDeleted\":[]}"}},
        .requests = "GET /volumefs/containers/c \nDELETE /volumefs/containers/c \n",
        .out = "c\n",
    };
    _cleanup_(free_p) char *calls = NULL, *runtime = rows_path("fake");

    (void)state;
    forget("calls");
    make_directory("bundles/" ID);
    rows_write("bundles/" ID "/runtime", runtime, 0600);
    rows_write("bundles/" ID "/log", "x", 0600);
    rows_run(&row, 1);
    calls = rows_read("calls");
    assert_string_equal(calls, "--root @DIR@/runtime/fake delete --force @ID@\n");
    assert_false(is_there("bundles/" ID));
}

/* Of a container that is not known any more, prune takes away what is left. */
static void test_prune_sweeps(void **state)
{
    static const struct row row = {
        .arguments = {"container", "prune", "-f"},
        .answers = {{200, "{\"ContainersDeleted\":[]}"}, {404, NO("No such container")}},
        .requests = "POST /volumefs/containers/prune {\"All\":false,\"DryRun\":false}\n"
                    "GET /volumefs/containers/@ID@ \n",
        .out = "Nothing to delete.\n",
    };
    static const struct row known = {
        .arguments = {"container", "prune", "-f"},
        .answers = {{200, "{\"ContainersDeleted\":[]}"}, {200, "{}"}},
        .requests = "POST /volumefs/containers/prune {\"All\":false,\"DryRun\":false}\n"
                    "GET /volumefs/containers/@ID@ \n",
        .out = "Nothing to delete.\n",
    };

    (void)state;
    make_directory("bundles/" ID);
    rows_write("bundles/" ID "/pid", "1", 0600);
    rows_run(&known, 1);
    assert_true(is_there("bundles/" ID));
    rows_run(&row, 1);
    assert_false(is_there("bundles/" ID));
}

/* What is not of a run is never removed, and the run goes on without its directory's removal. */
static void test_a_stranger_in_the_directory_stays(void **state)
{
    (void)state;
    make_directory("bundles/" ID);
    rows_write("bundles/" ID "/stranger", "", 0600);
    rows_run(&run_true, 1);
    assert_true(is_there("bundles/" ID "/stranger"));
    assert_false(is_there("bundles/" ID "/config.json"));
}

static int group_setup(void **state)
{
    _cleanup_(free_p) char *rootfs = NULL;

    (void)state;
    if (rows_setup() < 0)
        return -1;
    rows_write("fake", fake, 0700);
    rootfs = rows_path("rootfs");
    return mkdir(rootfs, 0700);
}

static int group_teardown(void **state)
{
    (void)state;
    return rows_teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_a_run),
        cmocka_unit_test(test_a_leftover),
        cmocka_unit_test(test_a_leftover_is_removed_with_its_container),
        cmocka_unit_test(test_prune_sweeps),
        cmocka_unit_test(test_a_stranger_in_the_directory_stays)};

    if (geteuid() != 0) {
        puts("1..0 # SKIP only root can run containers");
        return 0;
    }
    return cmocka_run_group_tests_name("volctl_run", tests, group_setup, group_teardown);
}
