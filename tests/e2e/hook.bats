#!/usr/bin/env bats
# The hook of OCI runtimes, called by runc and by Podman: which containers the daemon knows, which
# may not start, and that those with nothing of ours are left alone whatever state the daemon is in.

load lib

setup_file() {
    require_mounts
    work_make
    make_rootfs
    podman_prepare
    make_hooks_directory
}

teardown_file() {
    local failed=0

    podman_stop || failed=1
    work_free || failed=1
    return "$failed"
}

setup() {
    require_mounts
    set -o pipefail
    HOOK=$VOLUMEFS_BUILD/tools/hook/volumefs-oci-hook
    ID=$(basename "$WORK")-c # cgroups of that name are common to the machine
    HOOK_ARGUMENTS=("--socket=$SOCKET")
    daemon_start
    mkdir -p "$TREE/foo" "$TREE/bar"
}

teardown() {
    local id

    if [ -n "${DAEMON_PID-}" ]; then
        kill -CONT "$DAEMON_PID" 2>/dev/null || true
    fi
    for id in $(runc list -q); do
        runc delete -f "$id" || true
    done
    podman rm -fa -t 0 >/dev/null 2>&1 || true
    if [ -n "${DAEMON_PID-}" ]; then
        volctl container ls -q | xargs -r timeout 60 "$VOLCTL" container rm -f || true
        daemon_stop || return 1
    fi
    rm -rf "$STORE"
}

# ---- runc -----------------------------------------------------------------------

runc() {
    timeout 60 env runc --root "$WORK/r" "$@" </dev/null 3>&-
}

# A JSON array of texts.
texts() {
    printf '%s\n' "$@" | jq -Rnc '[inputs]'
}

# bind SOURCE DESTINATION [OPTION…]: a mount of a configuration.
bind() {
    jq -nc --arg source "$1" --arg destination "$2" --argjson options "$(texts rbind "${@:3}")" \
        '{type: "bind", source: $source, destination: $destination, options: $options}'
}

# make_bundle [MOUNT…]: $BUNDLE, with the hook at the stages of $STAGES.
make_bundle() {
    local mounts arguments

    BUNDLE=$WORK/bundle
    rm -rf "$BUNDLE"
    mkdir "$BUNDLE"
    (cd "$BUNDLE" && env runc spec)
    mounts=$(printf '%s\n' "$@" | jq -s .)
    arguments=$(texts volumefs-oci-hook "${HOOK_ARGUMENTS[@]}")
    jq --arg root "$WORK/rootfs" --arg hook "$HOOK" --arg stages "${STAGES:-createRuntime poststop}" \
        --argjson mounts "$mounts" --argjson arguments "$arguments" '
        .process.terminal = false | .process.args = ["sleep", "1000"] | .root.path = $root |
        .mounts += $mounts |
        .hooks = ($stages | split(" ") |
            map({key: ., value: [{path: $hook, args: $arguments, timeout: 30}]}) | from_entries)' \
        "$BUNDLE/config.json" >"$WORK/config.json"
    mv "$WORK/config.json" "$BUNDLE/config.json"
}

# In the background; what it says is in $WORK/runc.log.
container_run() {
    runc run -d --bundle "$BUNDLE" "$ID" >"$WORK/runc.log" 2>&1
}

container_remove() {
    runc delete -f "$ID"
}

# The state as the hook gets it: hook_call STATUS
hook_call() {
    printf '{"ociVersion":"1.0.2","id":"%s","status":"%s","pid":%d,"bundle":"%s"}' \
        "$ID" "$1" "$$" "$BUNDLE" | timeout 60 "$HOOK" "${HOOK_ARGUMENTS[@]}" 3>&-
}

refs() {
    volume_attribute "$TREE/$1" refs
}

refcount_is() {
    [ "$(volume_attribute "$TREE/$1" refcount)" = "$2" ]
}

is_unknown() {
    ! volctl container inspect "$1" >/dev/null 2>&1
}

inspect() {
    volctl container inspect "$1" | jq -e ".[0] | $2"
}

has_stopped() {
    runc state "$ID" | jq -e '.status == "stopped"'
}

@test "runc: a container is known by what it has mounted, until it is removed" {
    make_bundle "$(bind "$TREE/foo" /data ro)" "$(bind "$TREE/bar/../bar" /srv/bar rslave)" \
        "$(bind /etc /host)"
    container_run
    [ "$(refs foo)" = "$ID:/data:ro" ]
    [ "$(refs bar)" = "$ID:/srv/bar:rw" ]
    refcount_is foo 1
    inspect "$ID" ".Runtime == \"oci\" and .State == \"running\" and .Pid == $(runc state "$ID" | jq .pid)"
    inspect "$ID" '[.Mounts[] | .Name] | sort == ["bar", "foo"]'
    inspect "$ID" '[.Mounts[] | select(.Name == "bar") | .Propagation] == ["rslave"]'
    volctl refs foo | grep -q recorded
    fails volctl rm foo
    [[ $output == *"$ID"* ]]
    container_remove
    refcount_is foo 0
    refcount_is bar 0
    is_unknown "$ID"
}

# Its control group is /ID, as nobody would know a container by.
@test "runc: a container with a name of its own is one, and is kept from what it may only read" {
    make_bundle "$(bind "$TREE/foo" /data ro)"
    jq '.process.capabilities |= map_values(. + ["CAP_SYS_ADMIN"])' "$BUNDLE/config.json" \
        >"$WORK/config.json"
    mv "$WORK/config.json" "$BUNDLE/config.json"
    container_run
    refcount_is foo 1
    for change in 'mount -o remount,bind,rw /data; touch /data/x' \
        'unshare -m sh -c "mount -o remount,bind,rw /data; touch /data/x"'; do
        fails runc exec "$ID" sh -c "$change"
        [[ $output == *'Read-only file system'* ]]
    done
    [ ! -e "$TREE/foo/x" ]
    daemon_kill
    daemon_start
    refcount_is foo 1
    container_remove
    refcount_is foo 0
}

@test "runc: a container counts before its first process runs" {
    make_bundle "$(bind "$TREE/foo" /data)"
    runc create --bundle "$BUNDLE" "$ID" >"$WORK/runc.log" 2>&1
    [ "$(refs foo)" = "$ID:/data:rw" ]
    runc start "$ID"
    [ "$(refs foo)" = "$ID:/data:rw" ]
}

@test "runc: one whose process has ended counts while runc has it" {
    make_bundle "$(bind "$TREE/foo" /data)"
    container_run
    runc kill "$ID" KILL
    eventually 10 inspect "$ID" '.State == "exited"'
    sleep 6 # a review
    refcount_is foo 1
    [[ $(volctl doctor) != *"$ID"* ]]
    runc delete "$ID"
    refcount_is foo 0
}

@test "runc: prestart will do, and both do no harm" {
    STAGES='prestart createRuntime poststop' make_bundle "$(bind "$TREE/foo" /data)"
    container_run
    refcount_is foo 1
    container_remove
    refcount_is foo 0
    STAGES='prestart poststop' make_bundle "$(bind "$TREE/foo" /data)"
    container_run
    refcount_is foo 1
}

@test "runc: a volume is found through links, and relative to the bundle" {
    make_bundle "$(bind "$WORK/link" /data)" "$(bind ../tree/bar /bar)"
    ln -sfn "$TREE/foo" "$WORK/link"
    container_run
    [ "$(refs foo)" = "$ID:/data:rw" ]
    [ "$(refs bar)" = "$ID:/bar:rw" ]
}

@test "runc: a volume that is bound to another place is found there" {
    mkdir "$WORK/place"
    mount --bind "$TREE/foo" "$WORK/place"
    make_bundle "$(bind "$WORK/place" /data)"
    container_run
    [ "$(refs foo)" = "$ID:/data:rw" ]
    container_remove
    umount "$WORK/place"
}

@test "runc: a volume is found by its id" {
    make_bundle "$(bind "$TREE/.volumefs/by-id/$(volume_attribute "$TREE/foo" id)" /data ro)"
    container_run
    [ "$(refs foo)" = "$ID:/data:ro" ]
}

@test "runc: all of the tree, or what has it below, makes no container ours" {
    make_bundle "$(bind "$TREE" /all)" "$(bind "$WORK" /more)" "$(bind "$TREE/.volumefs" /views)"
    container_run
    is_unknown "$ID"
    refcount_is foo 0
}

@test "runc: what the daemon refuses does not start, and the error says why" {
    volctl attach db foo:/d:Z >/dev/null
    make_bundle "$(bind "$TREE/bar" /bar)" "$(bind "$TREE/foo" /data)"
    fails container_run
    cat "$WORK/runc.log"
    grep -F "container $ID may not start with $TREE/bar at /bar (and 1 more): " "$WORK/runc.log"
    fails runc state "$ID"
    is_unknown "$ID"
    refcount_is bar 0
}

# ---- the daemon is away -----------------------------------------------------------

@test "runc: without the daemon, a container with nothing of ours runs, and ends" {
    make_bundle "$(bind /etc /host)"
    daemon_stop
    container_run
    runc state "$ID" | jq -e '.status == "running"'
    container_remove
    fails runc state "$ID"
}

@test "runc: without the daemon, a container with a volume does not start, and the error says what to do" {
    make_bundle "$(bind "$TREE/foo" /data)"
    daemon_stop
    HOOK_ARGUMENTS+=("--tree=$TREE")
    make_bundle "$(bind "$TREE/foo" /data)"
    mkdir "$TREE/foo" # what is below the tree
    fails container_run
    rmdir "$TREE/foo"
    grep -F "container $ID may not start with $TREE/foo at /data: cannot reach the daemon at $SOCKET" \
        "$WORK/runc.log"
    grep -F 'systemctl start volumefs' "$WORK/runc.log"
    fails runc state "$ID"
}

@test "runc: without the daemon, a container with a volume can be removed" {
    make_bundle "$(bind "$TREE/foo" /data)"
    container_run
    runc kill "$ID" KILL
    eventually 10 has_stopped
    daemon_kill
    runc delete "$ID"
    fails runc state "$ID"
    daemon_start
    fails volctl doctor # told by nobody, and noticed
    [[ $output == *"$ID"* ]]
}

@test "a daemon that hangs delays nobody with nothing of ours, and others up to the limit" {
    local started=$SECONDS

    ln -sfn "$TREE/foo" "$WORK/link"
    HOOK_ARGUMENTS+=(--timeout=2)
    kill -STOP "$DAEMON_PID"
    make_bundle "$(bind /etc /host)"
    container_run
    container_remove
    [ $((SECONDS - started)) -lt $((5 * $(busyness))) ]
    make_bundle "$(bind "$WORK/link/some/where" /data)"
    fails hook_call creating
    [[ $output == *"may not start with $TREE/foo/some/where at /data: the daemon at $SOCKET did not answer within 2 s"* ]]
    hook_call stopped 2>"$WORK/error"
    grep -F 'is not recorded: the daemon' "$WORK/error"
    [ $((SECONDS - started)) -lt $((15 * $(busyness))) ]
    kill -CONT "$DAEMON_PID"
}

@test "a tree whose daemon is dead is not looked into" {
    ln -sfn "$TREE/foo" "$WORK/link"
    kill -KILL "$DAEMON_PID"
    daemon_wait_end
    unset DAEMON_PID
    fails ls "$TREE"
    make_bundle "$(bind "$WORK/link" /data)"
    fails hook_call creating
    [[ $output == *"may not start with $TREE/foo at /data: cannot reach the daemon"* ]]
    make_bundle "$(bind "$WORK" /data)"
    hook_call creating
    umount -l "$TREE"
}

@test "a container with nothing of ours waits a few milliseconds for the hook" {
    local started

    make_bundle "$(bind /etc /host)" "$(bind /etc/hosts /etc/hosts)" "$(bind "$WORK" /work)"
    started=$(date +%s%N)
    for _ in {1..20}; do
        hook_call creating
    done
    [ $((($(date +%s%N) - started) / 20000000)) -lt $((50 * $(busyness))) ]
}

# ---- Podman ---------------------------------------------------------------------

# Engines take these words out of a bundle, and runtimes pass over them.
@test "runc: what a bundle says of labels is taken" {
    make_bundle "$(bind "$TREE/foo" /data Z)" "$(bind "$TREE/bar" /srv/bar z ro)"
    container_run
    [ "$(volume_attribute "$TREE/foo" label)" = private ]
    [ "$(volume_attribute "$TREE/bar" label)" = shared ]
    runc exec "$ID" sh -c 'echo mine >/data/f && cat /data/f'
    ID=$ID-other
    make_bundle "$(bind "$TREE/foo" /data)"
    fails container_run
    grep -F "is private to ${ID%-other}, which still refers to it" "$WORK/runc.log"
    make_bundle "$(bind "$TREE/bar" /data)"
    container_run
    runc exec "$ID" sh -c 'echo ours >/data/f'
}

# The hook tells of the first that attaches it.
@test "podman: a volume that was made private is the first container's" {
    volctl set foo label=private
    start_container podman web -v "$TREE/foo:/data"
    [ "$(volume_attribute "$TREE/foo" owner)" = "$(podman inspect --format '{{.Id}}' web)" ]
    podman exec web sh -c 'echo mine >/data/f && cat /data/f'
    fails start_container podman db -v "$TREE/foo:/data"
    [[ $output == *'volume "foo" is private to web'* ]]
    remove_container podman db
    remove_container podman web
    start_container podman db -v "$TREE/foo:/data"
    [ "$(podman exec db cat /data/f)" = mine ]
    remove_container podman db
}

@test "podman: a container is known by its name and its mounts, while it runs" {
    start_container podman web -v "$TREE/foo:/webapp:ro" -v "$TREE/bar/:/bar" -v /etc:/host
    [ "$(refs foo)" = web:/webapp:ro ]
    [ "$(refs bar)" = web:/bar:rw ]
    inspect web '.Runtime == "podman" and .State == "running" and (.Id | length) == 64'
    podman stop -t 0 web >/dev/null
    eventually 10 refcount_is foo 0
    is_unknown web
    podman start web >/dev/null
    [ "$(refs foo)" = web:/webapp:ro ]
    remove_container podman web
    eventually 10 refcount_is foo 0
}

@test "podman: --rm, and volumes of another container" {
    podman create --name base --network none -v "$TREE/foo:/data" "$IMAGE" true >/dev/null
    refcount_is foo 0
    in_podman --volumes-from base "$IMAGE" sh -c 'echo here >/data/f'
    [ "$(cat "$TREE/foo/f")" = here ]
    eventually 10 refcount_is foo 0
    start_container podman web --volumes-from base
    [ "$(refs foo)" = web:/data:rw ]
}

@test "podman: without the daemon, only containers with a volume are refused" {
    daemon_stop
    in_podman -v /etc:/host "$IMAGE" test -e /host/hosts
    in_podman "$IMAGE" true
    mkdir "$TREE/foo" # what is below the tree
    fails in_podman --name web -v "$TREE/foo:/data" "$IMAGE" true
    rmdir "$TREE/foo"
    [[ $output == *"container web may not start with $TREE/foo at /data: cannot reach the daemon at $SOCKET"* ]]
    fails podman inspect web
}
