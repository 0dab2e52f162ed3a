#!/usr/bin/env bats
# shellcheck disable=SC2012,SC2016 # names here are plain
# More files than descriptors: the daemon gives descriptors up and finds the files again.

load lib

LIMIT=800

setup() {
    require_mounts
    work_make
    # without CAP_SYS_RESOURCE, or it would raise the limit for itself
    timeout 60 capsh --drop=cap_sys_resource -- -c 'ulimit -n "$1"; shift; exec "$@"' limited "$LIMIT" \
        "$VOLUMEFS" --store "$STORE" --socket "$SOCKET" --plugin-socket none "$TREE" >>"$WORK/daemon.log" 2>&1 3>&-
    DAEMON_PID=$(daemon_status pid)
    [ "$(sed -n 's/^Max open files *\([0-9]*\).*/\1/p' "/proc/$DAEMON_PID/limits")" -eq "$LIMIT" ]
    mkdir "$TREE/v"
}

# As many files as three times the limit, each with its name in it.
make_files() {
    mkdir "$TREE/v/many"
    seq $((LIMIT * 3)) | (cd "$TREE/v/many" && while read -r name; do echo "$name" >"$name"; done)
}

is_well() {
    mkdir "$TREE/other"
    rmdir "$TREE/other"
    [ "$(ls "/proc/$DAEMON_PID/fd" | wc -l)" -lt "$LIMIT" ]
}

@test "files are made, and hold what was written to them" {
    make_files
    [ "$(cat "$TREE/v/many/"* | sort -n | md5sum)" = "$(seq $((LIMIT * 3)) | md5sum)" ]
    is_well
}

@test "known files are opened, one after the other" {
    make_files
    find "$TREE/v/many" -type f -size -1 >/dev/null
    python3 - "$TREE/v/many" <<'PYTHON'
import os, sys
os.chdir(sys.argv[1])
for name in os.listdir(".") * 3:
    with open(name) as file:
        assert file.read() == name + "\n", name
    os.chmod(name, 0o640)
    os.setxattr(name, "user.a", b"1")
PYTHON
    is_well
}

@test "directories that were listed in part hold nobody up" {
    python3 - "$TREE/v" "$LIMIT" <<'PYTHON'
import os, sys
os.chdir(sys.argv[1])
for i in range(3 * int(sys.argv[2])):
    os.mkdir(f"d{i}")
    open(f"d{i}/f", "w").close()
    with os.scandir(f"d{i}") as entries:
        next(entries)
PYTHON
    is_well
}

@test "what is removed while somebody is in it, or holds it, can be looked at" {
    make_files
    mkdir "$TREE/v/gone"
    echo kept >"$TREE/v/held"
    exec 7<"$TREE/v/held"
    (
        cd "$TREE/v/gone"
        python3 - "$TREE/v" 3>&- <<'PYTHON'
import os, sys
tree = sys.argv[1]
held = os.open(f"{tree}/held", os.O_PATH)
for _ in range(3):
    for name in os.listdir(f"{tree}/many"):
        os.stat(f"{tree}/many/{name}")
os.rmdir(f"{tree}/gone")
os.unlink(f"{tree}/held")
for _ in range(3):
    for name in os.listdir(f"{tree}/many"):
        os.chmod(f"{tree}/many/{name}", 0o600)
assert os.stat(".").st_nlink in (0, 1), os.stat(".")
assert os.fstat(held).st_nlink == 0
PYTHON
    )
    [ "$(cat <&7)" = kept ]
    exec 7<&-
    is_well
}
