#!/usr/bin/env bats
# Docker's documentation of data volumes, example by example, in the order a reader meets them, with
# volctl and a busybox rootfs where the text has docker and an image.

load lib

setup_file() {
    require_mounts
    work_make
    make_rootfs
    mkdir -p "$WORK/rootfs/webapp" "$WORK/rootfs/dbdata"
    echo 'of the image' >"$WORK/rootfs/webapp/index.html"
    daemon_start
}

teardown_file() {
    work_free
}

setup() {
    require_mounts
    require_runtime
}

teardown() {
    volctl container ls -q | xargs -r timeout 60 "$VOLCTL" container rm -f -v >/dev/null
    volctl ls -q | xargs -r timeout 60 "$VOLCTL" rm >/dev/null
}

# As docker run IMAGE.
run() {
    timeout 120 "$VOLCTL" run --rootfs "$WORK/rootfs" "$@" 3>&-
}

create() {
    timeout 120 "$VOLCTL" container create --rootfs "$WORK/rootfs" "$@"
}

# The n-th mount's field of a container.
mount_of() {
    volctl container inspect "$1" | jq -r --arg destination "$2" --arg field "$3" \
        '.[0].Mounts[] | select(.Destination == $destination) | .[$field]'
}

dangling() {
    volctl ls -q -f dangling=true
}

# The count as getfattr, volctl ls and the list of containers have it.
counts_agree() {
    local recorded

    recorded=$(volctl container ls --format json |
        jq --arg name "$1" '[.Containers[] | select(any(.Mounts[]; .Name == $name))] | length')
    [ "$(volume_attribute "$TREE/$1" refcount)" = "$2" ]
    [ "$(volctl ls --format json | jq --arg name "$1" '.[] | select(.Name == $name) | .RefCount')" = "$2" ]
    [ "$recorded" = "$2" ]
}

@test "adding a data volume" {
    local name

    run -d --name web -v /webapp -- sleep 1000
    name=$(mount_of web /webapp Name)
    [[ $name =~ ^[0-9a-f]{64}$ ]]
    counts_agree "$name" 1
    [ "$(cat "$TREE/$name/index.html")" = 'of the image' ]
}

@test "locating a volume" {
    local source

    run -d --name web -v /webapp -- sleep 1000
    source=$(mount_of web /webapp Source)
    [ "$(mount_of web /webapp RW)" = true ]
    echo 'from the host' >"$source/new"
    [ "$(run --rm --volumes-from web -- cat /webapp/new)" = 'from the host' ]
}

@test "mounting a host directory as a data volume" {
    mkdir -p "$WORK/src/webapp"
    echo 'of the host' >"$WORK/src/webapp/index.html"
    [ "$(run --rm --name web -v "$WORK/src/webapp:/webapp" -- cat /webapp/index.html)" = 'of the host' ]
    # what the image has there was hidden, not removed
    [ "$(run --rm -- cat /webapp/index.html)" = 'of the image' ]
    fails run --rm -v "$WORK/src/webapp:/webapp:ro" -- touch /webapp/x
    [[ $output == *'Read-only file system'* ]]
    # -v makes a missing one, --mount does not
    run --rm -v "$WORK/src/made:/made" -- true
    [ -d "$WORK/src/made" ]
    fails run --rm --mount "type=bind,source=$WORK/src/missing,target=/m" -- true
    [[ $output == *"bind source path does not exist: $WORK/src/missing"* ]]
}

@test "mounting a host file as a data volume" {
    echo 'ls -l' >"$WORK/history"
    [ "$(run --rm -v "$WORK/history:/home/.history" -- cat /home/.history)" = 'ls -l' ]
    run --rm -v "$WORK/history:/home/.history" -- sh -c 'echo pwd >>/home/.history'
    [ "$(tail -n 1 "$WORK/history")" = pwd ]
}

@test "creating a named volume, and mounting it in two containers" {
    [ "$(volctl create my-named-volume)" = my-named-volume ]
    run -d --name one -v my-named-volume:/webapp -- sleep 1000
    counts_agree my-named-volume 1
    run -d --name two -v my-named-volume:/srv:ro -- sleep 1000
    counts_agree my-named-volume 2
    [ "$(volume_attribute "$TREE/my-named-volume" refs | sort)" = $'one:/webapp:rw\ntwo:/srv:ro' ]
    [ "$(cat "$TREE/my-named-volume/index.html")" = 'of the image' ]
}

@test "a data volume container, two users of it, and a chain" {
    create -v /dbdata --name dbstore -- true
    run -d --name db1 --volumes-from dbstore -- sh -c 'echo one >/dbdata/one; exec sleep 1000'
    eventually 10 run --rm --volumes-from dbstore -- test -e /dbdata/one
    run -d --name db2 --volumes-from dbstore -- sleep 1000
    run -d --name db3 --volumes-from db1 -- sleep 1000
    counts_agree "$(mount_of dbstore /dbdata Name)" 4
    run --rm --volumes-from db3 -- sh -c 'echo three >/dbdata/three'
    [ "$(run --rm --volumes-from db2:ro -- cat /dbdata/one /dbdata/three)" = $'one\nthree' ]
    fails run --rm --volumes-from db2:ro -- touch /dbdata/x
}

@test "what the image has at the path is hidden by a volume that is taken over" {
    echo hidden >"$WORK/rootfs/dbdata/hidden"
    volctl container create --name dbstore -v dbdata:/dbdata >/dev/null
    [ -z "$(run --rm --volumes-from dbstore -- ls -A /dbdata)" ]
    rm "$WORK/rootfs/dbdata/hidden"
}

@test "removing containers never removes the data, until rm -v of the last" {
    local name

    create -v /dbdata --name dbstore -- true
    create --name db1 --volumes-from dbstore -- true
    create --name db2 --volumes-from db1 -- true
    name=$(mount_of dbstore /dbdata Name)
    echo kept >"$TREE/$name/kept"
    volctl container rm dbstore
    volctl container rm -v db1
    [ "$(cat "$TREE/$name/kept")" = kept ]
    counts_agree "$name" 1
    volctl container rm -v db2
    [ ! -e "$TREE/$name" ]
}

@test "dangling volumes are found and removed" {
    local name

    run --name web -v /webapp -v named:/named -- true
    name=$(mount_of web /webapp Name)
    [ -z "$(dangling)" ]
    volctl container rm web
    [ "$(dangling | sort)" = "$(printf '%s\n' "$name" named | sort)" ]
    volctl rm named
    volctl prune -f
    [ -z "$(volctl ls -q)" ]
}

volumes_are() {
    [ "$(volctl ls -q)" = "$1" ]
}

# Whoever notices the end first removes it: volctl, or the daemon, which volctl does not wait for.
@test "a container that is removed at its end takes its anonymous volumes along" {
    run --rm -v /foo -v awesome:/bar -- true
    eventually 10 volumes_are awesome
    [ -z "$(volctl container ls -q)" ]
}

@test "backup into a host directory, restore into another container" {
    local name

    mkdir "$WORK/backup"
    create -v /dbdata --name dbstore -- true
    run --rm --volumes-from dbstore -- sh -c 'mkdir /dbdata/d; echo data >/dbdata/d/f; chown 7:8 /dbdata/d/f'
    run --rm --volumes-from dbstore -v "$WORK/backup:/backup" -- tar -cf /backup/backup.tar /dbdata
    create -v /dbdata --name dbstore2 -- true
    run --rm --volumes-from dbstore2 -v "$WORK/backup:/backup" -- \
        sh -c 'cd /dbdata && tar -xf /backup/backup.tar --strip-components 1'
    name=$(mount_of dbstore2 /dbdata Name)
    [ "$name" != "$(mount_of dbstore /dbdata Name)" ]
    [ "$(cat "$TREE/$name/d/f")" = data ]
    [ "$(stat -c %u:%g "$TREE/$name/d/f")" = 7:8 ]
}

@test "a volume that is read-only in one container is so on both sides" {
    local pid

    volctl create data >/dev/null
    fails run --rm -v data:/data:ro -- touch /data/x
    [[ $output == *'Read-only file system'* ]]
    # the daemon refuses it too, when the mount does not any more
    run -d --name reader -v data:/data:ro -v control:/control -- sh -c \
        'until [ -e /control/go ]; do sleep 0.1; done; touch /data/x 2>/control/said; sleep 1000'
    pid=$(volctl container inspect reader | jq -r '.[0].Pid')
    nsenter -t "$pid" -m -p /bin/mount -o remount,bind,rw /data
    touch "$TREE/control/go"
    eventually 10 grep -q 'Read-only file system' "$TREE/control/said"
    [ ! -e "$TREE/data/x" ]
    [ "$(volume_attribute "$TREE/data" refs)" = reader:/data:ro ]
}
