# shellcheck shell=bash
# For tests with real engines, each started by the test in directories of its own:
#
#   setup_file()    { require_mounts; work_make; engines_start; }
#   teardown_file() { engines_stop; work_free; }
#
#   docker …  podman …    the commands, against the private engines; the image is $IMAGE
#   podman_serve          podman's API, which needs a process of its own; podman_stop ends it
#   docker_kill, podman_unserve KILL   by SIGKILL; docker_start and podman_serve start again
#   podman_in_path        the private podman as a command in $WORK/bin, for programs that run it
#   in_docker ARG…        docker run, no network, removed at its end
#   in_podman ARG…        podman run, the same
#   each_engine FUNCTION  calls FUNCTION docker, FUNCTION podman
#
# Engines take seconds to start, hence one of each for a file. Paths stay short: sockets below
# them must fit in 107 bytes.

E2E_DIRECTORY=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/lib.bash
source "$E2E_DIRECTORY/../system/lib.bash"

IMAGE=localhost/box:1
ENGINE_TIMEOUT=60 # seconds to start or stop

# A root file system of one static program, as a tar file.
make_rootfs() {
    rootfs_make "$WORK/rootfs"
    tar -C "$WORK/rootfs" -c . >"$WORK/rootfs.tar"
}

make_image() {
    [ -e "$WORK/rootfs.tar" ] || make_rootfs
    "$1" import "$WORK/rootfs.tar" "$IMAGE" >/dev/null 2>&1
}

# dockerd starts a containerd of its own, below its exec-root; its namespaces keep it apart from
# a containerd of the machine, should it find one.
docker_start() {
    local home=$WORK/d name

    name=$(basename "$WORK")
    mkdir -p "$home/config"
    echo '{}' | tee "$home/daemon.json" >"$home/config/config.json"
    export DOCKER_HOST=unix://$home/s DOCKER_CONFIG=$home/config
    dockerd --config-file "$home/daemon.json" --data-root "$home/data" --exec-root "$home/exec" \
        --pidfile "$home/pid" -H "$DOCKER_HOST" --iptables=false --ip-forward=false \
        --ip-masq=false --bridge=none --containerd-namespace "$name" \
        --containerd-plugins-namespace "$name-plugins" "$@" >"$home/log" 2>&1 3>&- &
    if ! eventually "$ENGINE_TIMEOUT" docker_answers; then
        tail -n 30 "$home/log"
        return 1
    fi
    make_image docker
}

docker_answers() {
    docker version >/dev/null 2>&1
}

docker() {
    timeout 120 env docker "$@" 3>&-
}

docker_stop() {
    local pid=

    [ -e "$WORK/d/pid" ] || return 0
    read -r pid <"$WORK/d/pid" || true
    docker ps -aq | xargs -r timeout 60 docker rm -fv >/dev/null 2>&1 || true
    end_engine "$pid"
    unmount_below "$WORK/d"
}

# Its containers run on; its containerd is killed with it, a moment later, and leaves its pid file as
# it does.
docker_kill() {
    local pid='' containerd_pid=''

    read -r pid <"$WORK/d/pid" || true
    read -r containerd_pid <"$WORK/d/exec/containerd/containerd.pid" || true
    kill -KILL "$pid"
    eventually "$ENGINE_TIMEOUT" ended "$pid"
    eventually "$ENGINE_TIMEOUT" ended "$containerd_pid"
    rm -f "$WORK/d/pid" "$WORK/d/exec/containerd/containerd.pid"
}

# SIGTERM, and time to unmount what it holds.
end_engine() {
    local waited

    kill -TERM "$1" 2>/dev/null || return 0
    for ((waited = 0; waited < ENGINE_TIMEOUT * 10; waited++)); do
        process_is_alive "$1" || return 0
        sleep 0.1
    done
    kill -KILL "$1"
}

# Locks in files: podman's default is a shared memory segment common to the machine.
# Limits: raising them is refused where the test itself is confined.
podman_prepare() {
    local home=$WORK/p

    mkdir -p "$home"
    cat >"$home/containers.conf" <<END
[containers]
netns = "none"
default_ulimits = ["nofile=1024:20000", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
END
    cat >"$home/storage.conf" <<END
[storage]
driver = "$(podman_storage_driver)"
graphroot = "$home/g"
runroot = "$home/r"
END
    export CONTAINERS_CONF=$home/containers.conf CONTAINERS_STORAGE_CONF=$home/storage.conf
    make_image podman
}

# overlay, where the test directory is not on one already.
podman_storage_driver() {
    case $(stat -f -c %T "$WORK") in
    overlayfs) echo vfs ;;
    *) echo overlay ;;
    esac
}

podman() {
    podman_find
    timeout 120 "${podman_command[@]}" "$@" 3>&-
}

# The private podman itself, in $podman_command: for those who end it by its id.
podman_find() {
    podman_command=(env podman --root "$WORK/p/g" --runroot "$WORK/p/r" --tmpdir "$WORK/p/t"
        --runtime runc --log-level error)
}

# volctl runs the command as people have it: with its own idea of where things are.
podman_in_path() {
    mkdir "$WORK/bin"
    cat >"$WORK/bin/podman" <<END
#!/bin/sh
exec $(type -P podman) --root $WORK/p/g --runroot $WORK/p/r --tmpdir $WORK/p/t --runtime runc \\
    --log-level error "\$@"
END
    chmod +x "$WORK/bin/podman"
}

podman_serve() {
    local home=$WORK/p

    podman_find
    "${podman_command[@]}" system service --time 0 "unix://$home/s" >>"$home/log" 2>&1 3>&- &
    echo $! >"$home/pid"
    if ! eventually "$ENGINE_TIMEOUT" podman_answers; then
        tail -n 30 "$home/log"
        return 1
    fi
}

podman_answers() {
    curl -sf -m 5 --unix-socket "$WORK/p/s" http://localhost/_ping >/dev/null
}

# podman_unserve SIGNAL
podman_unserve() {
    local pid=

    [ -e "$WORK/p/pid" ] || return 0
    read -r pid <"$WORK/p/pid" || true
    kill -s "$1" "$pid" 2>/dev/null || true
    eventually "$ENGINE_TIMEOUT" ended "$pid" || return 1
    rm -f "$WORK/p/pid"
}

podman_stop() {
    [ -d "$WORK/p" ] || return 0
    podman_unserve TERM || kill -KILL "$(cat "$WORK/p/pid")"
    podman rm -fa -t 0 >/dev/null 2>&1 || true
    unmount_below "$WORK/p"
}

engines_stop() {
    docker_stop
    podman_stop
}

in_docker() {
    docker run --rm --network none "$@"
}

in_podman() {
    podman run --rm --network none "$@"
}

each_engine() {
    "$1" docker
    "$1" podman
}

# start_container ENGINE NAME ARG…: one that runs until it is removed.
start_container() {
    "$1" run -d --network none --name "$2" "${@:3}" "$IMAGE" sleep 1000 >/dev/null
}

remove_container() {
    case $1 in
    docker) docker rm -fv "$2" >/dev/null ;;
    podman) podman rm -f -t 0 "$2" >/dev/null ;;
    esac
}

# The 12 digits an engine shows of container $2's id.
container_id() {
    "$1" inspect --format '{{.Id}}' "$2" | cut -c 1-12
}

# Podman calls our hook from here on.
make_hooks_directory() {
    mkdir "$WORK/hooks"
    jq --arg hook "$VOLUMEFS_BUILD/tools/hook/volumefs-oci-hook" --arg socket "$SOCKET" \
        --arg tree "$TREE" \
        '.hook.path = $hook | .hook.args += ["--socket=" + $socket, "--tree=" + $tree]' \
        "$VOLUMEFS_BUILD/tools/hook/volumefs.json" >"$WORK/hooks/volumefs.json"
    printf 'hooks_dir = ["%s"]\n' "$WORK/hooks" >>"$WORK/p/containers.conf" # in [engine]
}

engines_start() {
    docker_start "$@"
    podman_prepare
}

setup() {
    require_mounts
}

teardown() {
    :
}
