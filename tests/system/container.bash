# shellcheck shell=bash
# Something very like a container, without an engine: a process with its own mount namespace and
# root directory, the host's programs in it, and volumes bind-mounted.
#
#   container_run VOLUME[:ro] COMMAND…        the volume is /data in it
#   container_start VOLUME[:ro] COMMAND…      the same in the background; sets $CONTAINER_PID
#   container_stop                            ends that
#   container_answer VOLUME[:ro]              starts one of a single process, which knows all names
#                                             and attributes by and by; sets $CONTAINER_ASK too
#   container_ask COMMAND                     what the command came to in that of $CONTAINER_ASK:
#                                             "ok", or what it says on standard error
#   container_random_id                       an id as engines make them
#
# CONTAINER_ID=ID puts it into a control group of that name, as an engine does; ID/OTHER is a
# container in a container.

container_make_root() {
    local link

    CONTAINER_ROOT=$WORK/croot
    [ -d "$CONTAINER_ROOT" ] && return 0
    mkdir -p "$CONTAINER_ROOT"/{usr,proc,dev,tmp,data,old,etc}
    for link in bin sbin lib lib64; do
        if [ -L "/$link" ]; then
            ln -s "usr/$link" "$CONTAINER_ROOT/$link"
        elif [ -d "/$link" ]; then
            mkdir "$CONTAINER_ROOT/$link"
        fi
    done
}

# The directory of the control group of CONTAINER_ID, made at need.
container_group() {
    local root

    for root in /sys/fs/cgroup /sys/fs/cgroup/pids /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
        [ -e "$root/cgroup.procs" ] || continue
        mkdir -p "$root/$(group_mark "$WORK")/$CONTAINER_ID"
        echo "$root/$(group_mark "$WORK")/$CONTAINER_ID"
        return 0
    done
    echo 'no file system of control groups is mounted below /sys/fs/cgroup'
    return 1
}

# Execs a command, in the control group of CONTAINER_ID if that is set.
container_exec_in_group() {
    local group

    if [ -n "${CONTAINER_ID-}" ]; then
        group=$(container_group) || return 1
        echo "$BASHPID" >"$group/cgroup.procs"
    fi
    exec "$@"
}

# Runs in the new mount namespace: $1 root, $2 volume's path, $3 ro or rw, then the command.
container_enter() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    printf '%s' '
        set -e
        root=$1 volume=$2 mode=$3
        shift 3
        mount --bind "$root" "$root"
        mount --bind "$volume" "$root/data"
        [ "$mode" = rw ] || mount -o remount,bind,ro "$root/data"
        mount --rbind /usr "$root/usr"
        for link in bin sbin lib lib64; do
            [ -L "$root/$link" ] || [ ! -d "/$link" ] || mount --rbind "/$link" "$root/$link"
        done
        mount --rbind /dev "$root/dev"
        mount --rbind /proc "$root/proc"
        cd "$root"
        pivot_root . old
        umount -l /old
        cd /
        exec "$@"'
}

container_run() {
    local volume=${1%:ro} mode=rw

    [ "$volume" = "$1" ] || mode=ro
    shift
    container_make_root
    (
        container_exec_in_group timeout 60 unshare --mount --propagation private \
            sh -c "$(container_enter)" container "$CONTAINER_ROOT" "$TREE/$volume" "$mode" "$@" 3>&-
    )
}

# The command must not end by itself; what it says is in $WORK/container.log.
container_start() {
    local volume=${1%:ro} mode=rw

    [ "$volume" = "$1" ] || mode=ro
    shift
    container_make_root
    rm -f "$CONTAINER_ROOT/tmp/started"
    container_exec_in_group unshare --mount --propagation private \
        sh -c "$(container_enter)" container "$CONTAINER_ROOT" "$TREE/$volume" "$mode" \
        sh -c ': >/tmp/started; exec "$@"' command "$@" >"$WORK/container.log" 2>&1 3>&- &
    CONTAINER_PID=$!
    eventually 10 test -e "$CONTAINER_ROOT/tmp/started"
}

container_stop() {
    kill -KILL "$CONTAINER_PID"
    wait "$CONTAINER_PID" 2>/dev/null || true
    unset CONTAINER_PID
}

container_answer() {
    container_make_root
    CONTAINER_ASK=$(mktemp -d "$CONTAINER_ROOT/tmp/askXXX")
    mkfifo "$CONTAINER_ASK/ask" "$CONTAINER_ASK/answer"
    # shellcheck disable=SC2016 # expanded by the inner shell
    container_start "$1" sh -c 'cd "$1"; exec <>ask; while read -r command; do
        if eval "$command" 2>"$1/error"; then echo ok; else cat "$1/error"; fi >"$1/answer"
    done' answer "${CONTAINER_ASK#"$CONTAINER_ROOT"}"
}

container_ask() {
    echo "$1" >"$CONTAINER_ASK/ask"
    timeout 60 cat "$CONTAINER_ASK/answer"
}

container_random_id() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}
