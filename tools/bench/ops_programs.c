/*
 * Operations that are whole programs: ls, tar, git, sqlite3. Their start is part of the time, in
 * every system alike. What they work from (an archive, SQL) is made once in the scratch directory,
 * which is not measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "catalog/cleanup.h"
#include "tools/bench/workload.h"

enum { TREE_DIRS = 60, SIZE_STEPS = 32, SIZE_STEP = 256, ROWS = 10, ROW_BYTES = 200 };

/* No configuration of the machine's, and nothing in the background. */
static char *const environment[] = {
    (char[]){"PATH=/usr/local/bin:/usr/bin:/bin"},
    (char[]){"LC_ALL=C"},
    (char[]){"HOME=/nonexistent"},
    (char[]){"GIT_CONFIG_NOSYSTEM=1"},
    (char[]){"GIT_CONFIG_GLOBAL=/dev/null"},
    (char[]){"GIT_AUTHOR_NAME=bench"},
    (char[]){"GIT_AUTHOR_EMAIL=bench@example.org"},
    (char[]){"GIT_COMMITTER_NAME=bench"},
    (char[]){"GIT_COMMITTER_EMAIL=bench@example.org"},
    NULL,
};

enum { COMMAND_SIZE = 2 * NAME_SIZE };

/* Runs one line of shell with its output thrown away; `exec` in it saves the second process. */
static int run_command(struct workload *w, const char *line)
{
    char shell[] = "sh", flag[] = "-c", text[COMMAND_SIZE];
    char *argv[] = {shell, flag, text, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status;

    snprintf(text, sizeof(text), "%s", line);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    errno = posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (errno)
        return workload_fail(w, "start of", line);
    if (waitpid(pid, &status, 0) != pid)
        return workload_fail(w, "wait for", line);
    errno = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : workload_fail(w, "command", line);
}

static int run_in_scratch(struct workload *w, const char *format)
{
    char line[COMMAND_SIZE];

    if (!w->scratch || strlen(w->scratch) >= NAME_SIZE / 2) {
        errno = EINVAL;
        return workload_fail(w, "--scratch", "is needed, and not too long");
    }
    snprintf(line, sizeof(line), "S=%s; %s", w->scratch, format);
    return run_command(w, line);
}

static int make_tree(struct workload *w, const char *root)
{
    char path[2 * NAME_SIZE];
    int r = workload_ensure_directory(w, root);

    for (unsigned i = 0; i < TREE_FILES && r == 0; i++) {
        if (i < TREE_DIRS) {
            snprintf(path, sizeof(path), "%s/d%02u", root, i);
            r = workload_ensure_directory(w, path);
        }
        if (r == 0) {
            /* Contents that differ, so that git stores as many objects as there are files. */
            snprintf(w->buffer, NAME_SIZE, "%u", i);
            snprintf(path, sizeof(path), "%s/d%02u/f%04u", root, i % TREE_DIRS, i);
            r = workload_create_file(w, path, SIZE_STEP * (size_t)(1 + i % SIZE_STEPS));
        }
    }
    return r;
}

static int ensure_archive(struct workload *w)
{
    char path[NAME_SIZE];
    struct stat st;
    int r;

    if (!w->scratch || snprintf(path, sizeof(path), "%s/tree.tar", w->scratch) >= NAME_SIZE)
        return run_in_scratch(w, ":");
    if (stat(path, &st) == 0)
        return 0;
    snprintf(path, sizeof(path), "%s/tree", w->scratch);
    r = make_tree(w, path);
    return r < 0 ? r : run_in_scratch(w, "tar -cf $S/part -C $S/tree . && mv $S/part $S/tree.tar");
}

static int before_untar(struct workload *w)
{
    int r = workload_remove_new(w);

    return r < 0 ? r : workload_ensure_directory(w, "new");
}

static int untar(struct workload *w, uint64_t *done)
{
    *done += TREE_FILES;
    return run_in_scratch(w, "exec tar -xf $S/tree.tar -C new");
}

static int ensure_repository(struct workload *w)
{
    struct stat st;
    int r = ensure_archive(w);

    if (r == 0 && stat("repo/complete", &st) < 0) {
        r = workload_remove_tree(w, "repo");
        if (r == 0)
            r = run_in_scratch(w, "mkdir repo && tar -xf $S/tree.tar -C repo && cd repo &&"
                                  " git init -q && git config gc.auto 0 &&"
                                  " git config core.fsync none && : > complete && git add -A &&"
                                  " git commit -q -m tree");
    }
    /* The first one refreshes the index, the second is the warm one. */
    return r < 0 ? r : run_command(w, "git -C repo status && git -C repo status");
}

static int git_status(struct workload *w, uint64_t *done)
{
    ++*done;
    return run_command(w, "exec git -C repo status --porcelain");
}

static int ensure_list(struct workload *w)
{
    int r = workload_ensure_files(w, "ls", LIST_FILES, 0);

    return r < 0 ? r : run_command(w, "ls -l ls && ls -l ls");
}

static int list_long(struct workload *w, uint64_t *done)
{
    *done += LIST_FILES;
    return run_command(w, "exec ls -l ls");
}

static void write_transactions(FILE *f, const char *journal)
{
    fprintf(f, "PRAGMA journal_mode=%s;\nPRAGMA synchronous=FULL;\n", journal);
    fputs("CREATE TABLE t(id INTEGER PRIMARY KEY, k INTEGER, v TEXT);\n", f);
    fputs("CREATE INDEX t_k ON t(k);\n", f);
    for (unsigned i = 0; i < TRANSACTIONS; i++) {
        fputs("BEGIN;\n", f);
        for (unsigned row = 0; row < ROWS; row++)
            fprintf(f, "INSERT INTO t(k, v) VALUES(%u, hex(zeroblob(%d)));\n",
                    (i * ROWS + row) * 7919 % 10007, ROW_BYTES / 2);
        fprintf(f, "COMMIT;\nSELECT id, k FROM t WHERE k BETWEEN %u AND %u;\n", i * 7, i * 7 + 500);
    }
    /* A wrong count violates the constraint and fails the run. */
    fprintf(f, "CREATE TABLE total(n INTEGER CHECK(n = %u));\n", TRANSACTIONS * ROWS);
    fputs("INSERT INTO total SELECT count(*) FROM t;\n", f);
}

static int ensure_script(struct workload *w, const char *journal)
{
    char path[NAME_SIZE];
    _cleanup_(fclose_p) FILE *f = NULL;

    if (!w->scratch || snprintf(path, sizeof(path), "%s/%s.sql", w->scratch, journal) >= NAME_SIZE)
        return run_in_scratch(w, ":");
    f = fopen(path, "we");
    if (!f)
        return workload_fail(w, "create", path);
    write_transactions(f, journal);
    errno = 0;
    return fflush(f) == 0 ? 0 : workload_fail(w, "write", path);
}

static int ensure_wal(struct workload *w)
{
    return ensure_script(w, "wal");
}

static int ensure_rollback(struct workload *w)
{
    return ensure_script(w, "delete");
}

static int sqlite_wal(struct workload *w, uint64_t *done)
{
    *done += TRANSACTIONS;
    return run_in_scratch(w, "exec sqlite3 -bail new/db < $S/wal.sql");
}

static int sqlite_rollback(struct workload *w, uint64_t *done)
{
    *done += TRANSACTIONS;
    return run_in_scratch(w, "exec sqlite3 -bail new/db < $S/delete.sql");
}

const struct operation operations_programs[] = {
    {"ls-l", "file", .prepare = ensure_list, .run = list_long},
    {"untar", "file", .prepare = ensure_archive, .before = before_untar, .run = untar,
     .after = workload_remove_new},
    {"git-status", "run", .prepare = ensure_repository, .run = git_status},
    {"sqlite-wal", "transaction", .prepare = ensure_wal, .before = before_untar, .run = sqlite_wal,
     .after = workload_remove_new},
    {"sqlite-rollback", "transaction", .prepare = ensure_rollback, .before = before_untar,
     .run = sqlite_rollback, .after = workload_remove_new},
    {0},
};
