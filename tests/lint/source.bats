#!/usr/bin/env bats
# The rules on the source that need no compiler, each also tried on a planted violation.

load lib

setup() {
    PLANTED=$BATS_TEST_TMPDIR/planted
    mkdir -p "$PLANTED/catalog" "$PLANTED/fs" "$PLANTED/tools/volctl" "$PLANTED/tools/hook"
}

# plant FILE TEXT
plant() {
    printf '%s\n' "$2" >"$PLANTED/$1"
}

# refuses CHECK TEXT: the check fails on what was planted, and names it.
refuses() {
    run "$1" "$PLANTED"
    [ "$status" -ne 0 ]
    [[ $output == *"$2"* ]]
}

@test "includes go down only" {
    check_layers "$ROOT"
}

@test "an include that goes up is found" {
    plant catalog/a.c '#include "catalog/error.h"'
    check_layers "$PLANTED"
    plant catalog/a.c '#include "fs/node.h"'
    refuses check_layers 'catalog/a.c:1:fs/node.h'
    plant catalog/a.c '#include "error.h"'
    refuses check_layers 'catalog/a.c:1:error.h'
    rm "$PLANTED/catalog/a.c"
    plant tools/volctl/b.c '  #  include "fs/status.h"'
    refuses check_layers 'tools/volctl/b.c:1:fs/status.h'
    rm "$PLANTED/tools/volctl/b.c"
    plant tools/hook/c.c '#include "tools/volctl/client.h"'
    check_layers "$PLANTED"
    plant tools/hook/c.c '#include "tools/volctl/call.h"'
    refuses check_layers 'tools/hook/c.c:1:tools/volctl/call.h'
}

@test "third-party headers are confined" {
    check_confinement "$ROOT"
}

@test "a third-party header elsewhere is found" {
    plant catalog/sqlite.c '#include <sqlite3.h>'
    check_confinement "$PLANTED"
    plant catalog/name.c '#include <sqlite3.h>'
    refuses check_confinement 'catalog/name.c:1:sqlite3.h'
    rm "$PLANTED/catalog/name.c"
    plant fs/node.h '#include <fuse3/fuse_lowlevel.h>'
    refuses check_confinement 'fs/node.h:1:fuse3'
    plant fs/node.h '#include <fuse_lowlevel.h>'
    refuses check_confinement 'fs/node.h:1:fuse_lowlevel.h'
}

@test "no file is longer than it may be" {
    check_file_sizes "$ROOT"
}

@test "a file that is too long is found" {
    seq "$FILE_LINES_MAX" >"$PLANTED/fs/long.c"
    check_file_sizes "$PLANTED"
    echo >>"$PLANTED/fs/long.c"
    refuses check_file_sizes 'fs/long.c'
}

@test "nothing is unfinished by its own words" {
    check_unfinished "$ROOT"
}

@test "an unfinished place is found" {
    plant fs/a.c "/* TO""DO: later */"
    refuses check_unfinished 'fs/a.c:1:'
}

@test "no host is named" {
    check_hosts "$ROOT"
}

@test "a host's name is found" {
    plant fs/a.c 'curl http://localhost/_ping'
    check_hosts "$PLANTED"
    plant fs/a.c 'see https:''//example''.org/x'
    refuses check_hosts 'fs/a.c:1:'
}

@test "no path of one machine is written down" {
    check_machine_paths "$ROOT"
}

@test "a machine's path is found" {
    plant fs/a.c 'cd /wo''rk/here'
    refuses check_machine_paths 'fs/a.c:1:'
}

@test "the top level has the folders of the plan" {
    check_folders "$ROOT"
}

@test "another top-level folder is found" {
    check_folders "$PLANTED"
    mkdir "$PLANTED/util"
    refuses check_folders './util'
}
