#!/usr/bin/env bats
# builds: gcc
# timeout: 600
# Containers of Docker and Podman that may do much (CAP_SYS_ADMIN, no seccomp filter, root) try to
# break the rules of volumes, by the program escape. None may succeed, and where the same is allowed
# all of it must. Afterwards the volumes are looked at from outside.
#
# ESCAPE_ATTEMPTS: how many in all (default 100000); ESCAPE_SEED: their order.

load ../e2e/lib

ESCAPE=$VOLUMEFS_BUILD/tests/escape/escape
ESCAPE_ATTEMPTS=${ESCAPE_ATTEMPTS:-100000}
GROUP=$(printf 'ab%.0s' {1..32})

setup_file() {
    require_mounts
    # a disk of its own, which the host may open and a container may not
    STORE_FS=ext4 STORE_SIZE=256M work_make
    chmod 755 "$WORK" # for other users than root
    export ESCAPE_SEED=${ESCAPE_SEED:-$RANDOM}
    export OUTSIDE=canary-$ESCAPE_SEED # what is so called is in the tree, and in no volume
    export OUTSIDE_TREE=store-$ESCAPE_SEED # in the store
    make_rootfs
    cp "$ESCAPE" "$WORK/rootfs/bin"
    mkdir "$WORK/rootfs/own" "$WORK/rootfs/tree"
    tar -C "$WORK/rootfs" -c . >"$WORK/rootfs.tar"
    daemon_start
    engines_start
    mkdir "$TREE/w" "$TREE/$OUTSIDE"
    touch "$STORE/$OUTSIDE_TREE" "$STORE/volumes/$OUTSIDE_TREE"
}

teardown_file() {
    local failed=0

    engines_stop || failed=1
    work_free || failed=1
    return "$failed"
}

setup() {
    eventually 10 trash_is_empty # of the test before: a snapshot is of the trash, too
    mkdir "$TREE/v"
    touch "$STORE/volumes/$(volume_attribute "$TREE/v" id)/$OUTSIDE_TREE"
    chmod 777 "$TREE/v" "$TREE/w"
    "$ESCAPE" --make "$TREE/v"
}

teardown() {
    docker ps -aq | xargs -r timeout 60 docker rm -f >/dev/null
    podman rm -fa -t 0 >/dev/null
    volctl container ls -q | xargs -r timeout 60 "$VOLCTL" container rm -f >/dev/null
    volume_set_readonly "$TREE/v" 0
    rm -r "$TREE/v"
}

# share PERCENT: of all attempts.
share() {
    echo $((ESCAPE_ATTEMPTS * $1 / 100))
}

disk_number() {
    mountpoint -d "$WORK/disk"
}

# What a container of engine $1 is given to try with.
privileges() {
    printf '%s\n' --network none --cap-add SYS_ADMIN --security-opt seccomp=unconfined
    [ "$1" = podman ] || printf '%s\n' --security-opt apparmor=unconfined
}

# create ENGINE NAME MODE [OPTION…] -- ARGUMENT…: a container that runs escape; its id. The volume v
# is /data in it and attached with that mode, w is /own, and all of the tree is in it too.
create() {
    local engine=$1 name=$2 mode=$3 id
    local -a options=()

    shift 3
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    id=$("$engine" create --name "$name" "${options[@]}" -v "$TREE/v:/data:$mode" -v "$TREE/w:/own" \
        -v "$TREE:/tree" "$IMAGE" escape --own /own --tree /tree/v/w --outside "$OUTSIDE" \
        --outside-tree "$OUTSIDE_TREE" --group "$GROUP" --seed "$ESCAPE_SEED" "$@" /data)
    volctl attach "$id" "v:/data:$mode" w:/own >/dev/null
}

# long ENGINE ARGUMENT…: as docker() and podman(), with the time that the attempts may take.
long() {
    local engine=$1
    local -a options=()

    shift
    [ "$engine" = docker ] || options=(--root "$WORK/p/g" --runroot "$WORK/p/r" --tmpdir "$WORK/p/t"
        --runtime runc --log-level error)
    timeout $((100 + ESCAPE_ATTEMPTS / 200)) env "$engine" "${options[@]}" "$@" </dev/null 3>&-
}

# All that may not have changed, but for times of reading.
snapshot() {
    find "$STORE/volumes/$(volume_attribute "$TREE/v" id)" "$STORE/trash" "$STORE/$OUTSIDE_TREE" \
        -printf '%p %y %i %n %m %U:%G %s %T@ %C@ %l\n' | sort
    find "$TREE/v" -printf '%P %y %i %n %m %U:%G %s %T@ %C@ %l\n' | sort
    find "$TREE/v" -type f -exec sha256sum {} +
    getfattr -Rhd -m - --absolute-names "$TREE/v" | grep -v '^user.volume.\(ref\|size\|lastused\)'
    volume_attribute "$TREE/v" readonly
    volctl ls -q | sort
}

# unbroken COMMAND…: it passes, and nothing has changed.
unbroken() {
    snapshot >"$WORK/before"
    "$@"
    snapshot | diff "$WORK/before" -
    [ ! -e "$TREE/w/across" ]
}

privileged_by() {
    local -a options

    mapfile -t options < <(privileges "$1")
    create "$1" "$2" "$3" "${options[@]}" "${@:4}"
}

# ---- that the attempts can succeed ----------------------------------------------------

in_plain_directory() {
    local plain=$WORK/disk/plain

    mkdir -p "$plain/v" "$plain/w" "$WORK/disk/tree"
    touch "$plain/$OUTSIDE" "$plain/$OUTSIDE_TREE"
    "$ESCAPE" --make "$plain/v"
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare -m sh -ec 'cd "$1"; mount --bind plain tree; mount --bind plain/v plain/v; shift
        exec "$@"' sh "$WORK/disk" "$ESCAPE" --own "$plain/w" --tree "$WORK/disk/tree/v/w" \
        --outside "$OUTSIDE" --outside-tree "$OUTSIDE_TREE" --device "$(disk_number)" \
        --group "$GROUP" "$@" "$plain/v"
}

@test "every attempt succeeds, and by every route, where nothing protects a directory" {
    in_plain_directory --as anyone
    # and that is noticed
    fails in_plain_directory --as reader
    [[ $output == *'ESCAPE: names/create by paths/path: done'* ]]
    fails in_plain_directory --as stranger
    [[ $output == *'ESCAPE: looks/'* ]]
}

@test "every change succeeds in a container that may write" {
    privileged_by docker writer rw -- --as writer
    long docker start -a writer
}

# ---- that they do not ---------------------------------------------------------------

@test "docker: a container that is attached for reading" {
    privileged_by docker reader ro -- --as reader --attempts "$(share 25)" --device "$(disk_number)"
    unbroken long docker start -a reader
}

@test "podman: a container that is attached for reading" {
    privileged_by podman reader ro -- --as reader --attempts "$(share 25)" --device "$(disk_number)"
    unbroken long podman start -a reader
}

# As --privileged, but for what this machine itself may not: every capability and every device.
all_privileges() {
    local capability

    privileges docker
    for capability in $(capsh --decode="$(sed -n 's/^CapBnd:\s*//p' /proc/self/status)" |
        sed 's/.*=//; s/,/ /g; s/cap_\(bpf\|perfmon\|checkpoint_restore\)//g'); do # Docker 20.10
        printf '%s\n' --cap-add "${capability#cap_}"
    done
    printf '%s\n' --device-cgroup-rule 'a *:* rwm'
}

@test "docker: a container with every capability that is attached for reading" {
    local -a options

    mapfile -t options < <(all_privileges)
    create docker reader ro "${options[@]}" -- --as reader --attempts "$(share 10)"
    unbroken long docker start -a reader
}

@test "a read-only volume" {
    volume_set_readonly "$TREE/v" 1
    privileged_by docker writer rw -- --as reader --attempts "$(share 10)"
    unbroken long docker start -a writer
}

# ---- with others at the same time ----------------------------------------------------

# Another container swaps names for links and back, and renames directories.
@test "docker: links and names that are swapped meanwhile" {
    privileged_by docker racer rw -- --race
    privileged_by docker reader ro -- --as reader --attempts "$(share 10)"
    docker start racer >/dev/null
    long docker start -a reader
    [ "$(docker inspect --format '{{.State.Running}}' racer)" = true ]
    cmp "$TREE/v/file" <(printf text)
    [ ! -e "$TREE/w/across" ]
}

# The file cgroup.procs of process $1, in a hierarchy that there is.
group_file() {
    local path

    path=$(sed -n 's/^[0-9]*:pids://p' "/proc/$1/cgroup")
    if [ -n "$path" ]; then
        echo "/sys/fs/cgroup/pids$path/cgroup.procs"
    else
        echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")/cgroup.procs"
    fi
}

# storm WRITER OTHER ARGUMENT…: processes of the two, by the same thread ids in turn.
storm() {
    local writer other

    writer=$(docker inspect --format '{{.State.Pid}}' "$1")
    other=$(docker inspect --format '{{.State.Pid}}' "$2")
    timeout $((100 + ESCAPE_ATTEMPTS / 100)) "$ESCAPE"_storm --writer "$writer" \
        --writer-group "$(group_file "$writer")" --other "$other" \
        --other-group "$(group_file "$other")" "${@:3}" /data/file
}

idle() {
    docker run -d --name "$1" --network none -v "$TREE/v:/data" "$IMAGE" sleep 1000
}

@test "thread ids that are one container's now and another's then" {
    local reader

    idle writer >/dev/null
    reader=$(idle reader)
    # nobody is refused, and that is noticed
    fails storm writer reader --attempts 10
    [[ $output == *'ESCAPE: thread '* ]]
    volctl attach "$reader" v:/data:ro >/dev/null
    storm writer reader --attempts "$(share 5)"
    fails storm reader writer --attempts 10
    [[ $output == *'writer: thread '* ]]
}

# With the hook, which says of which processes a container is.
make_hooks_directory() {
    mkdir "$WORK/hooks"
    jq --arg hook "$VOLUMEFS_BUILD/tools/hook/volumefs-oci-hook" --arg socket "$SOCKET" \
        --arg tree "$TREE" \
        '.hook.path = $hook | .hook.args += ["--socket=" + $socket, "--tree=" + $tree]' \
        "$VOLUMEFS_BUILD/tools/hook/volumefs.json" >"$WORK/hooks/volumefs.json"
    { cat "$CONTAINERS_CONF"; printf 'hooks_dir = ["%s"]\n' "$WORK/hooks"; } >"$WORK/hooked.conf"
    export CONTAINERS_CONF=$WORK/hooked.conf
}

@test "podman with the hook: a container that leaves its control groups, and goes into others" {
    local writer
    local -a options

    make_hooks_directory
    writer=$(podman run -d --network none -v "$TREE/v:/data" "$IMAGE" sleep 1000)
    mapfile -t options < <(privileges podman)
    podman create --name reader "${options[@]}" --cgroupns host -v "$TREE/v:/data:ro" "$IMAGE" escape \
        --as reader --seed "$ESCAPE_SEED" --attempts "$(share 2)" --family groups \
        --group "$writer" --join "libpod_parent/libpod-$writer" /data >/dev/null
    unbroken long podman start -a reader
    podman rm -f -t 0 "$writer" >/dev/null
}

# What a container makes in its volume is no device and no set-id program to the host.
@test "the host does not fall for what lies in a volume" {
    cp "$(command -v id)" "$TREE/v"
    in_docker --cap-add MKNOD -v "$TREE/v:/data" "$IMAGE" sh -ec 'cd /data
        mknod null c 1 3; chown 0:0 id; chmod 6755 id'
    [ -c "$TREE/v/null" ]
    fails dd if="$TREE/v/null" of=/dev/null
    [[ $output == *'Permission denied'* ]]
    [ "$(stat -c %a "$TREE/v/id")" = 6755 ]
    [ "$(setpriv --reuid 12345 --regid 12345 --clear-groups "$TREE/v/id" -u)" = 12345 ]
}

# ---- private volumes --------------------------------------------------------------

# stranger ENGINE: waits, in a container that has the whole tree, with descriptors of the volume
# from when it was nobody's; and binds it at /data when it has become another's.
stranger() {
    local -a options

    mapfile -t options < <(privileges "$1")
    "$1" create --name stranger "${options[@]}" -v "$TREE/w:/own" -v "$TREE:/tree" "$IMAGE" escape \
        --as stranger --own /own --tree /tree/v/w --outside "$OUTSIDE" \
        --outside-tree "$OUTSIDE_TREE" --group "$GROUP" --seed "$ESCAPE_SEED" \
        --attempts "$(share 10)" --wait /own/go --bind /data /tree/v >/dev/null
    rm -f "$TREE/w/go" "$TREE/w/go.held"
    "$1" start stranger >/dev/null
    eventually 20 test -e "$TREE/w/go.held"
}

# Names and attributes are in the kernel's cache, for the owner and the host have read them.
private_to_another() {
    local owner

    stranger "$1"
    owner=$(docker create --name owner --network none -v "$TREE/v:/data:Z" "$IMAGE" \
        sh -ec 'ls -lR /data; cat /data/file /data/inner/file; touch /data/file')
    volctl attach "$owner" v:/data:Z
    docker start -a owner
    tar -C "$TREE/v" -cf /dev/null .
    snapshot >"$WORK/before"
    touch "$TREE/w/go"
    [ "$(long "$1" wait stranger)" = 0 ] || {
        "$1" logs stranger
        return 1
    }
    snapshot | diff "$WORK/before" -
}

@test "docker: a private volume of another container" {
    private_to_another docker
}

@test "podman: a private volume of another container" {
    private_to_another podman
}
