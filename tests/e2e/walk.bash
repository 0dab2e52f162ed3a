# shellcheck shell=bash disable=SC2154 # fails leaves $output
# Docker's documentation of data volumes, example by example, in the order a reader meets them, by
# real engines with volumefs as their volume driver. A file of tests says which, and calls:
#
#   setup_file()    { walk_start docker; }
#   teardown_file() { walk_end; }
#   teardown()      { walk_clean; }
#   engine …        the command of $ENGINE, the first of them if nothing else is said
#   volume_for SPEC $VOLUME, what `-v SPEC` is with this driver
#   agree           what the tree, volctl and the engines say of all volumes is the same
#
# $IMAGE has nothing where volumes go, $FULL_IMAGE has files in /webapp and /dbdata.

FULL_IMAGE=localhost/full:1

# walk_start ENGINE…. The daemon comes first: it follows engines that are not there yet.
walk_start() {
    require_mounts
    work_make
    ENGINES=$*
    DRIVER=$(basename "$WORK")
    PLUGIN=/run/docker/plugins/$DRIVER.sock
    export ENGINE ENGINES DRIVER PLUGIN
    walk_daemon_start
    for ENGINE in $ENGINES; do
        "engine_start_$ENGINE"
        make_full_image
    done
    ENGINE=$1
}

walk_daemon_start() {
    daemon_start --plugin-socket "$PLUGIN" --docker-socket "$WORK/d/s" --podman-socket "$WORK/p/s"
}

engine_start_docker() {
    docker_start
}

engine_start_podman() {
    podman_prepare
    cat >>"$CONTAINERS_CONF" <<END
[engine.volume_plugins]
$DRIVER = "$PLUGIN"
END
    podman_serve
}

make_full_image() {
    mkdir -p "$WORK/rootfs/webapp" "$WORK/rootfs/dbdata"
    echo 'of the image' >"$WORK/rootfs/webapp/index.html"
    echo 'of the image' >"$WORK/rootfs/dbdata/hidden"
    chown 7:8 "$WORK/rootfs/dbdata"
    tar -C "$WORK/rootfs" -c . | engine import - "$FULL_IMAGE" >/dev/null 2>&1
}

walk_end() {
    local failed=0

    DAEMON_PID=$(daemon_status pid) # one was restarted by a test
    export DAEMON_PID
    engines_stop || failed=1
    work_free || failed=1
    if [ -e "$PLUGIN" ]; then
        echo "the daemon left $PLUGIN"
        rm -f "$PLUGIN"
        failed=1
    fi
    return "$failed"
}

# Whatever a test left.
walk_clean() {
    local ENGINE id name

    volctl detach ghost >/dev/null 2>&1 || true
    for ENGINE in $ENGINES; do
        for id in $(engine ps -aq); do
            remove_container "$ENGINE" "$id" || true
        done
        [ "$ENGINE" = docker ] || podman volume reload >/dev/null # one that it was killed over
        for name in $(engine_volumes) $(engine volume ls -q -f driver=local); do
            engine volume rm "$name" >/dev/null || true
        done
    done
    rm -rf "$WORK/src"
}

engine() {
    "$ENGINE" "$@"
}

in_engine() {
    "in_$ENGINE" "$@"
}

# start NAME ARG…: a container of $FULL_IMAGE in the background, that an engine need not wait for.
start() {
    IMAGE=$FULL_IMAGE start_container "$ENGINE" "$1" --stop-signal KILL "${@:2}"
}

# create NAME ARG…: a container of $IMAGE that is not run.
create() {
    engine create --network none --name "$1" "${@:2}" "$IMAGE" true >/dev/null
}

# Podman takes a driver at a volume's creation alone, hence none for the anonymous ones of `-v /path`:
# what is closest is a volume created without a name.
volume_for() {
    case $ENGINE$1 in
    docker*) VOLUME=(--volume-driver "$DRIVER" -v "$1") ;;
    podman/*) VOLUME=(-v "$(podman volume create --driver "$DRIVER"):$1") ;;
    podman*)
        podman volume exists "${1%%:*}" || podman volume create --driver "$DRIVER" "${1%%:*}" >/dev/null
        VOLUME=(-v "$1")
        ;;
    esac
}

# A field of the mount that container $1 has at $2.
mount_of() {
    engine inspect --type container "$1" | jq -r --arg destination "$2" --arg field "$3" \
        '.[0].Mounts[] | select(.Destination == $destination) | .[$field]'
}

volumes() {
    find "$TREE" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort
}

# ---- what each says, a line for a reference or a volume ---------------------------

# Docker lists those of every driver on the machine otherwise, and some of these are of other tests.
engine_volumes() {
    engine volume ls -q -f "driver=$DRIVER" | sort
}

# Of all engines.
engine_refs() {
    local ENGINE

    for ENGINE in $ENGINES; do
        refs_of_engine || return 1
    done | sort
}

refs_of_engine() {
    local ids

    ids=$(engine ps -aq --no-trunc) || return 1
    [ -n "$ids" ] || return 0
    # shellcheck disable=SC2086 # a word each
    engine inspect --type container $ids | jq -r --arg driver "$DRIVER" '.[] |
        (.Name | ltrimstr("/")) as $name | .Mounts[] |
        select(.Type == "volume" and .Driver == $driver) |
        "\(.Name) \($name):\(.Destination):\(if .RW then "rw" else "ro" end)"'
}

# Volumes that an engine has and the tree has not.
lost_volumes() {
    local ENGINE

    volumes >"$WORK/there" || return 1
    for ENGINE in $ENGINES; do
        engine_volumes >"$WORK/known" || return 1
        comm -23 "$WORK/known" "$WORK/there"
    done
}

nothing() {
    :
}

tree_refs() {
    local names name refs

    names=$(volumes) || return 1
    for name in $names; do
        refs=$(volume_attribute "$TREE/$name" refs) || return 1
        echo "$refs" | sed -n "/./s/^/$name /p"
    done | sort
}

# The engines' references, counted: one for each container.
engine_counts() {
    { volumes && engine_refs; } | awk '{
        split($2, part, ":")
        count[$1] += ($2 != "" && !seen[$1, part[1]]++)
    } END { for (name in count) print name, count[name] }' | sort
}

tree_counts() {
    local names name count

    names=$(volumes) || return 1
    for name in $names; do
        count=$(volume_attribute "$TREE/$name" refcount) || return 1
        echo "$name $count"
    done | sort
}

volctl_counts() {
    volctl ls --format json | jq -r '.[] | "\(.Name) \(.RefCount)"' | sort
}

# same FUNCTION FUNCTION: the same lines; else the difference is in $WORK/differ.
same() {
    rm -f "$WORK/differ"
    "$1" >"$WORK/$1" && "$2" >"$WORK/$2" && diff -U 5 "$WORK/$1" "$WORK/$2" >"$WORK/differ"
}

agrees() {
    same nothing lost_volumes && same engine_refs tree_refs && same engine_counts tree_counts &&
        same engine_counts volctl_counts
}

# Engines are followed, hence the seconds; a daemon that starts waits five to see what is stale.
agree() {
    eventually 15 agrees || {
        cat "$WORK/differ" 2>/dev/null
        return 1
    }
}

# count_is VOLUME N, which all agree on.
count_is() {
    agree
    [ "$(volume_attribute "$TREE/$1" refcount)" = "$2" ]
}

# What keeps hold of a volume when there are no containers: mounts of one in somebody's namespace,
# the tree of a daemon that died, processes of containers.
stale_mounts() {
    cat /proc/[0-9]*/mountinfo 2>/dev/null |
        awk -v work="$WORK/" -v tree="$TREE" '/ - fuse/ && index($5, work) == 1 && $5 != tree' | sort -u
    mounts_below "$TREE" | tail -n +2
    pids_rooted_below "$WORK"
}

nothing_is_stale() {
    [ -z "$(stale_mounts)" ]
}

# ---- the walk ---------------------------------------------------------------------

# Adding a data volume
walk_add() {
    local name

    volume_for /webapp
    start web "${VOLUME[@]}"
    name=$(mount_of web /webapp Name)
    [[ $name =~ ^[0-9a-f]{64}$ ]]
    count_is "$name" 1
    [ "$(cat "$TREE/$name/index.html")" = 'of the image' ]
}

# Locating a volume: in what inspect shows, on the host, in the tree. (Docker's own Source is empty
# for the first container of a volume that a driver has just made; the volume knows.)
walk_locate() {
    local name place

    volume_for /webapp
    start web "${VOLUME[@]}"
    name=$(mount_of web /webapp Name)
    [ "$(mount_of web /webapp Type) $(mount_of web /webapp Driver)" = "volume $DRIVER" ]
    [ "$(mount_of web /webapp RW)" = true ]
    place=$(engine volume inspect --format '{{.Mountpoint}}' "$name")
    [ "$place" = "$TREE/$name" ]
    echo 'from the host' >"$place/new"
    [ "$(engine exec web cat /webapp/new)" = 'from the host' ]
    count_is "$name" 1 # its name is known by then
    [ -e "$TREE/.volumefs/by-container/web/$name/new" ]
    # it may stop, start, and get another name
    engine stop -t 0 web >/dev/null
    count_is "$name" 1
    engine start web >/dev/null
    count_is "$name" 1
    engine rename web www
    count_is "$name" 1
    engine restart -t 0 www >/dev/null
    count_is "$name" 1
    [ "$(engine exec www cat /webapp/new)" = 'from the host' ]
}

# Mounting a host directory as a data volume: no volume at all, and hides what the image has.
walk_host_directory() {
    mkdir -p "$WORK/src/webapp"
    echo 'of the host' >"$WORK/src/webapp/index.html"
    start web -v "$WORK/src/webapp:/webapp"
    [ "$(engine exec web cat /webapp/index.html)" = 'of the host' ]
    engine exec web sh -c 'echo changed >/webapp/index.html'
    [ "$(cat "$WORK/src/webapp/index.html")" = changed ]
    [ "$(in_engine "$FULL_IMAGE" cat /webapp/index.html)" = 'of the image' ]
    fails in_engine -v "$WORK/src/webapp:/webapp:ro" "$IMAGE" touch /webapp/x
    [[ $output == *'Read-only file system'* ]]
    [ -z "$(volumes)" ]
    agree
}

# Mounting a host file as a data volume
walk_host_file() {
    mkdir -p "$WORK/src"
    echo 'ls -l' >"$WORK/src/history"
    in_engine -v "$WORK/src/history:/.history" "$IMAGE" sh -c 'echo pwd >>/.history'
    [ "$(cat "$WORK/src/history")" = $'ls -l\npwd' ]
    agree
}

# Mounting a shared-storage volume as a data volume: made by run, made before, of options.
walk_named() {
    volume_for my-named-volume:/webapp
    start web "${VOLUME[@]}"
    count_is my-named-volume 1
    [ "$(volumes)" = my-named-volume ]
    remove_container "$ENGINE" web
    count_is my-named-volume 0
    engine volume rm my-named-volume
    [ ! -e "$TREE/my-named-volume" ]
    agree
    [ "$(engine volume create --driver "$DRIVER" --opt uid=999 --opt mode=0750 my-named-volume)" = my-named-volume ]
    count_is my-named-volume 0
    [ "$(stat -c '%u %a' "$TREE/my-named-volume")" = '999 750' ]
    start web -v my-named-volume:/opt/webapp
    count_is my-named-volume 1
    start web2 -v my-named-volume:/webapp:ro
    count_is my-named-volume 2
    engine exec web sh -c 'echo shared >/opt/webapp/f'
    [ "$(engine exec web2 cat /webapp/f)" = shared ]
    fails engine exec web2 touch /webapp/g
    [[ $output == *'Read-only file system'* ]]
    # twice in one container is one reference
    start web3 -v my-named-volume:/a -v my-named-volume:/b:ro
    count_is my-named-volume 3
}

# Volume labels
walk_labels() {
    engine volume create --driver "$DRIVER" my-named-volume >/dev/null
    start one -v my-named-volume:/data:z
    start two -v my-named-volume:/data:ro,z
    engine exec one touch /data/f
    engine exec two test -e /data/f
    count_is my-named-volume 2
    remove_container "$ENGINE" one
    remove_container "$ENGINE" two
    in_engine -v my-named-volume:/data:Z "$IMAGE" test -e /data/f
    count_is my-named-volume 0
}

# Creating and mounting a data volume container. Podman copies what an image has into an empty volume
# that is first mounted, also by --volumes-from; hence there is something in it before the others come.
walk_data_volume_container() {
    local name

    volume_for /dbdata
    create dbstore "${VOLUME[@]}"
    name=$(mount_of dbstore /dbdata Name)
    count_is "$name" 1
    touch "$TREE/$name/data"
    engine start -a dbstore
    count_is "$name" 1
    start db1 --volumes-from dbstore
    count_is "$name" 2
    start db2 --volumes-from dbstore
    count_is "$name" 3
    start db3 --volumes-from db1
    count_is "$name" 4
    [ "$(engine exec db1 ls -A /dbdata)" = data ] # what the image has is hidden
    engine exec db1 sh -c 'echo one >/dbdata/one'
    engine exec db3 sh -c 'echo three >>/dbdata/one'
    [ "$(engine exec db2 cat /dbdata/one)" = $'one\nthree' ]
    [ "$(in_engine "$FULL_IMAGE" cat /dbdata/hidden)" = 'of the image' ]
    fails in_engine --volumes-from db3:ro "$IMAGE" touch /dbdata/x
    [[ $output == *'Read-only file system'* ]]
    create db4 --volumes-from db2:ro
    count_is "$name" 5
    [ "$(volumes)" = "$name" ]
}

# Removing the containers, in any order: dbstore first, and the data stays.
walk_remove_containers() {
    local name

    volume_for /dbdata
    create dbstore "${VOLUME[@]}"
    name=$(mount_of dbstore /dbdata Name)
    start db1 --volumes-from dbstore
    start db2 --volumes-from dbstore
    start db3 --volumes-from db1
    echo kept >"$TREE/$name/kept"
    engine rm dbstore
    count_is "$name" 3
    engine stop -t 0 db1 db3
    engine rm db1
    count_is "$name" 2
    [ -z "$(dangling)" ]
    engine rm -v db3
    count_is "$name" 1
    fails engine volume rm "$name"
    fails volctl rm "$name"
    [[ $output == *'in use'*db2* ]]
    engine exec db2 cat /dbdata/kept
    engine stop -t 0 db2
    count_is "$name" 1
    fails volctl rm "$name" # by one that does not run
    [ "$(cat "$TREE/$name/kept")" = kept ]
}

# Named volumes outlive their containers, and `rm -v`; they dangle, and are removed by name.
walk_dangling() {
    engine volume create --driver "$DRIVER" named >/dev/null
    engine volume create --driver "$DRIVER" unused >/dev/null
    create web -v named:/named
    [ "$(dangling)" = unused ]
    count_is named 1
    engine rm -v web
    [ "$(dangling)" = $'named\nunused' ]
    count_is named 0
    engine volume rm named
    [ "$(volumes)" = unused ]
    agree
}

# As in engine_volumes. Podman would take either filter for enough.
dangling() {
    case $ENGINE in
    docker) docker volume ls -q -f dangling=true -f "driver=$DRIVER" ;;
    podman) podman volume ls -q -f dangling=true ;;
    esac | sort
}

# Removing volumes: a container that is removed at its end takes the anonymous ones along.
walk_remove_at_end() {
    volume_for awesome:/bar
    in_engine "${VOLUME[@]}" -v /foo "$IMAGE" touch /foo/f /bar/f
    [ "$(engine_volumes)" = awesome ]
    [ -z "$(engine volume ls -q -f driver=local)" ]
    [ "$(volumes)" = awesome ]
    [ -e "$TREE/awesome/f" ]
    count_is awesome 0
}

# Backup into a host directory, restore into another container.
walk_backup() {
    local first second

    mkdir -p "$WORK/src/backup"
    volume_for /dbdata
    create dbstore "${VOLUME[@]}"
    first=$(mount_of dbstore /dbdata Name)
    in_engine --volumes-from dbstore "$IMAGE" \
        sh -c 'mkdir /dbdata/d; echo data >/dbdata/d/f; chown 7:8 /dbdata/d/f; ln -s d/f /dbdata/link'
    in_engine --volumes-from dbstore -v "$WORK/src/backup:/backup" "$IMAGE" tar -cf /backup/backup.tar /dbdata
    agree
    volume_for /dbdata
    create dbstore2 "${VOLUME[@]}"
    in_engine --volumes-from dbstore2 -v "$WORK/src/backup:/backup" "$IMAGE" \
        sh -c 'cd /dbdata && tar -xf /backup/backup.tar --strip-components 1'
    second=$(mount_of dbstore2 /dbdata Name)
    count_is "$second" 1
    count_is "$first" 1
    [ "$first" != "$second" ]
    [ "$(cat "$TREE/$second/link")" = data ]
    [ "$(stat -c %u:%g "$TREE/$second/d/f")" = 7:8 ]
}

# Sharing: many write at once, each sees what all have written.
walk_share() {
    local name

    volume_for shared:/data
    create first "${VOLUME[@]}"
    for name in one two three; do
        start "$name" -v shared:/data
    done
    for name in one two three; do
        engine exec "$name" sh -c "for i in \$(seq 100); do echo $name >>/data/log; done" &
    done
    wait
    [ "$(wc -l <"$TREE/shared/log")" -eq 300 ]
    count_is shared 4
}
