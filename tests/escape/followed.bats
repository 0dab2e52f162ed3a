#!/usr/bin/env bats
# builds: gcc
# timeout: 300
# The same program, in containers that only Docker's API tells of: nobody attached them, and no hook
# was called.

load ../e2e/lib

ESCAPE=$VOLUMEFS_BUILD/tests/escape/escape
ESCAPE_ATTEMPTS=${ESCAPE_ATTEMPTS:-100000}

setup_file() {
    require_mounts
    work_make
    make_rootfs
    cp "$ESCAPE" "$WORK/rootfs/bin"
    tar -C "$WORK/rootfs" -c . >"$WORK/rootfs.tar"
    daemon_start --docker-socket "$WORK/d/s"
    engines_start
}

teardown_file() {
    local failed=0

    engines_stop || failed=1
    work_free || failed=1
    return "$failed"
}

has_process() {
    [ "$(volctl container inspect "$1" | jq '.[0].Pid')" -gt 0 ]
}

# Docker's default, with control groups of version 1, is the host's namespace of them.
@test "docker: a container that leaves its control groups, and goes into others" {
    local writer

    mkdir "$TREE/v"
    "$ESCAPE" --make "$TREE/v"
    writer=$(docker run -d --network none -v "$TREE/v:/data" "$IMAGE" sleep 1000)
    # shellcheck disable=SC2016 # expanded in the container
    docker run -d --name reader --network none --cap-add SYS_ADMIN --cgroupns host \
        --security-opt seccomp=unconfined --security-opt apparmor=unconfined -v "$TREE/v:/data:ro" \
        "$IMAGE" sh -c 'while [ ! -e /go ]; do sleep 0.1; done; exec escape "$@"' sh --as reader \
        --attempts $((ESCAPE_ATTEMPTS / 50)) --family groups --group "$writer" \
        --join "docker/$writer" /data >/dev/null
    eventually 10 has_process reader
    docker exec reader touch /go
    timeout 200 docker logs -f reader
    [ "$(docker wait reader)" -eq 0 ]
    docker logs reader 2>&1 | grep -E 'groups +[1-9][0-9]* attempts' || { docker logs reader; return 1; }
}
