#!/usr/bin/env bats
# Volumes of an engine are taken over, and go back.

load lib
load adopt

setup() {
    require_mounts
    set -o pipefail
    work_make
    engine_start
    daemon_start_foreground
}

teardown() {
    engine_stop
    work_free
}

ANONYMOUS=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef

# The store on a file system of its own, in the place of the one that setup began.
other_disk() {
    daemon_stop
    rm -rf "$STORE"
    work_make_disk ext4 64M
    daemon_start_foreground
}

# ---- moved -----------------------------------------------------------------------

@test "a volume comes by a rename, with its labels and its time" {
    local before inode

    engine_volume web '{"Labels": {"team": "a", "empty": ""}}'
    before=$(describe_tree "$(data_of web)")
    inode=$(stat -c %i "$(data_of web)/file")
    volctl adopt docker web >"$WORK/out"
    [ "$(cat "$WORK/out")" = $'NAME SIZE HOW    RESULT\nweb     - rename adopted' ]
    [ "$(describe_tree "$TREE/web")" = "$before" ]
    [ "$(stat -c %i "$STORE"/volumes/*/data/file)" = "$inode" ]
    [ "$(volctl inspect web | jq -c '.[0] | [.Kind, .CreatedAt, .Labels]')" = \
        '["named","2020-02-03T04:05:06.000000000Z",{"empty":"","team":"a"}]' ]
    [ ! -e "$ENGINE/volumes/web" ]
    store_is_clean
}

@test "an anonymous volume is one here, and all come at once" {
    engine_volume web
    engine_volume "$ANONYMOUS"
    volctl adopt docker --all --format json >"$WORK/out"
    [ "$(jq -c '[.[] | [.Name, .How, .Result]] | sort' "$WORK/out")" = \
        "[[\"$ANONYMOUS\",\"rename\",\"adopted\"],[\"web\",\"rename\",\"adopted\"]]" ]
    [ "$(volctl inspect "$ANONYMOUS" | jq -r '.[0].Kind')" = anonymous ]
    [ -z "$(ls -A "$ENGINE/volumes")" ]
}

@test "what is taken over is used as any volume, and outlives the daemon" {
    engine_volume web
    volctl adopt docker web
    echo new >"$TREE/web/new"
    daemon_stop
    daemon_start_foreground
    [ "$(cat "$TREE/web/new" "$TREE/web/file")" = $'new\nof web' ]
    [ "$(adoptions GET web | jq -c '[.Engine, .EngineName, .Moved, .Copied]')" = \
        '["docker","web",true,false]' ]
    volctl rm web
    [ "$(adoptions GET | jq -c .)" = '{"Adoptions":[]}' ]
}

@test "a dry run tells sizes and reasons, and does nothing" {
    engine_volume web
    engine_volume db
    engine_containers "$(container running db)"
    fails volctl adopt docker --all --dry-run --format json
    [ "$(sed '/^volctl:/d' <<<"$output" | jq -c '[.[] | [.Name, .How, .Size, .Result]]')" = \
        '[["db",null,-1,"refused"],["web","rename",1048583,"planned"]]' ]
    [[ $output == *'volctl: db: it is in use by running containers: box; stop them first'* ]]
    [ -d "$(data_of web)" ]
    [ -z "$(volctl ls -q)" ]
    [ "$(grep -cv '^GET' "$ENGINE/log")" -eq 0 ]
}

# ---- refused ---------------------------------------------------------------------

@test "what a running container has is refused, whatever else is asked" {
    engine_volume web
    engine_containers "$(container paused web)"
    fails volctl adopt docker web --force
    [[ $output == *'in use by running containers: box'* ]]
    fails volctl adopt docker web --copy
    [ -d "$(data_of web)" ]
    [ -z "$(volctl ls -q)" ]
}

@test "what a stopped container has is moved by force only, or copied" {
    engine_volume web
    engine_volume db
    engine_containers "$(container exited web)"
    fails volctl adopt docker web
    [[ $output == *'stopped containers have it: box'* ]]
    [ -d "$(data_of web)" ]
    volctl adopt docker web --force >"$WORK/out" 2>&1
    grep -q 'Docker lists it still, for stopped containers: box' "$WORK/out"
    [ "$(cat "$TREE/web/file")" = 'of web' ]
    [ -d "$ENGINE/volumes/web" ]
    [ ! -e "$(data_of web)" ]
    engine_containers "$(container exited db)"
    volctl adopt docker db --copy
    [ "$(describe_tree "$TREE/db")" = "$(describe_tree "$(data_of db)")" ]
}

@test "a mount in another namespace is found, whatever the engine says" {
    local holder

    engine_volume web
    unshare -m sh -c "mount --bind '$(data_of web)/sub' /mnt && echo >'$WORK/ready' && exec sleep 100" 3>&- &
    holder=$!
    eventually 20 test -e "$WORK/ready"
    fails volctl adopt docker web
    [[ $output == *"$(data_of web) is in use by process $holder, at /mnt; stop it first"* ]]
    [ -d "$(data_of web)" ]
    kill "$holder"
    wait "$holder" || true
    volctl adopt docker web
}

@test "a mount here is found" {
    engine_volume web
    mount -t tmpfs tmpfs "$(data_of web)/sub"
    fails volctl adopt docker web
    [[ $output == *"something is mounted in it, at $(data_of web)/sub"* ]]
    umount "$(data_of web)/sub"
    mkdir "$WORK/elsewhere"
    mount --bind "$(data_of web)" "$WORK/elsewhere"
    fails volctl adopt docker web
    [[ $output == *"is mounted at $WORK/elsewhere as well"* ]]
    umount "$WORK/elsewhere"
    # somebody else's container may have been begun, with all that was mounted here
    eventually 10 volctl adopt docker web
}

@test "only plain local volumes are taken over" {
    engine_volume web
    engine_volume nfs '{"Options": {"type": "nfs", "device": ":/x"}}'
    engine_volume other '{"Driver": "convoy"}'
    engine_volume far '{"Mountpoint": "/nowhere/volumes/far/_data"}'
    fails volctl adopt docker nfs other far none
    [[ $output == *'nfs: it has options'* ]]
    [[ $output == *"other: its driver is 'convoy'"* ]]
    [[ $output == *"far: its directory '/nowhere/volumes/far/_data' is not on this host"* ]]
    [[ $output == *'none: the engine has no volume of that name'* ]]
    volctl adopt docker --all --format json >"$WORK/out"
    [ "$(jq -c '[.[] | [.Name, .Result]]' "$WORK/out")" = \
        '[["far","left out"],["nfs","left out"],["other","left out"],["web","adopted"]]' ]
}

@test "a name that is taken is refused, and the volume stays where it is" {
    engine_volume web
    mkdir "$TREE/web"
    fails volctl adopt docker web
    [[ $output == *'a volume of the name "web" exists'* ]]
    [ -d "$(data_of web)" ]
    [ "$(volctl ls -q)" = web ]
}

@test "the daemon follows no link, and takes nothing of its own" {
    engine_volume web
    ln -s volumes "$ENGINE/link"
    fails adoptions POST '' "$(adoption_body web true | jq -c '.Source |= sub("/volumes/"; "/link/")')"
    mkdir "$TREE/mine"
    fails adoptions POST '' "$(jq -nc --arg s "$TREE/mine" '{Name: "x", Engine: "docker", Source: $s}')"
    fails adoptions POST '' "$(jq -nc --arg s "$(echo "$STORE"/volumes/*/data)" \
        '{Name: "x", Engine: "docker", Source: $s, Move: true}')"
    fails adoptions POST '' "$(jq -nc --arg s "$WORK" '{Name: "x", Engine: "docker", Source: $s, Move: true}')"
    fails adoptions POST '' '{"Name": "x", "Engine": "docker", "Source": "/tmp/../etc"}'
    [ "$(volctl ls -q)" = mine ]
    [ -d "$(data_of web)" ]
}

@test "it is for root, not for the group" {
    engine_volume web
    chmod 755 "$WORK"
    volctl() {
        timeout 60 setpriv --reuid=65534 --regid="$(stat -c %g "$SOCKET")" --clear-groups "$VOLCTL" "$@"
    }
    chmod 666 "$WORK/d.sock"
    volctl ls
    fails volctl adopt docker web
    [[ $output == *'only root may take volumes of other engines over'* ]]
    fails volctl adopt --undo -y
    [ -d "$(data_of web)" ]
}

# ---- copied ----------------------------------------------------------------------

@test "a copy leaves the engine its own, and does not go back" {
    engine_volume web
    volctl adopt docker web --copy >"$WORK/out"
    [[ $(cat "$WORK/out") == *'copy adopted' ]]
    [ "$(describe_tree "$TREE/web")" = "$(describe_tree "$(data_of web)")" ]
    fails volctl adopt --undo web
    [[ $output == *'was copied, and docker has its own still'* ]]
    fails volctl adopt docker web
    [[ $output == *'a volume of the name "web" exists'* ]]
    [ -d "$(data_of web)" ]
}

@test "to another file system it is copied, and then the engine's goes" {
    local before

    other_disk
    engine_volume web
    before=$(describe_tree "$(data_of web)")
    volctl adopt docker web --format json >"$WORK/out"
    [ "$(jq -c '.[0] | [.How, .Size, .Result]' "$WORK/out")" = '["copy",1048583,"adopted"]' ]
    [ "$(describe_tree "$TREE/web")" = "$before" ]
    [ ! -e "$ENGINE/volumes/web" ]
    echo new >"$TREE/web/new"
    before=$(describe_tree "$TREE/web")
    volctl adopt --undo web
    [ "$(describe_tree "$(data_of web)")" = "$before" ]
    [ "$(ls -A "$ENGINE/volumes/web")" = _data ]
    [ -z "$(volctl ls -q)" ]
}

@test "what does not fit is refused before it is copied" {
    other_disk
    engine_volume web
    truncate -s 100M "$(data_of web)/large"
    fails volctl adopt docker web
    [[ $output == *'does not fit'* ]]
    [ -d "$(data_of web)" ]
    store_is_clean
}

# slow_copies: the end of a copy, its sync, takes longer than what is done meanwhile, and not as long
# as a daemon that stops waits for it (10 s).
slow_copies() {
    strace -f -qq -p "$DAEMON_PID" -e trace=syncfs -e inject=syncfs:delay_enter=8s -o /dev/null 3>&- &
    STRACE_PID=$!
    eventually 20 daemon_is_traced
}

copying() {
    [ "$(adoptions GET "$1" 2>/dev/null | jq -c '[.Bytes, .TotalBytes]')" = '[1048583,1048583]' ]
}

@test "how far a copy is can be seen, and it can be given up" {
    local client

    engine_volume web
    slow_copies
    volctl adopt docker web --copy >"$WORK/out" 2>&1 3>&- &
    client=$!
    eventually 40 copying web
    fails volctl adopt docker web --copy
    [[ $output == *'that is going on already'* ]]
    volctl adopt --undo web
    if wait "$client"; then
        return 1
    fi
    grep -q 'was given up, and all is as it was' "$WORK/out"
    kill "$STRACE_PID"
    wait "$STRACE_PID" || true
    [ -z "$(volctl ls -q)" ]
    store_is_clean
    volctl adopt docker web --copy
}

@test "a daemon that stops gives a copy up" {
    local client

    daemon_stop
    export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 # which does not work in one that is traced
    daemon_start_foreground
    engine_volume web
    slow_copies
    volctl adopt docker web --copy >"$WORK/out" 2>&1 3>&- &
    client=$!
    eventually 40 copying web
    daemon_stop
    if wait "$client"; then
        return 1
    fi
    wait "$STRACE_PID" || true
    grep -q 'was given up, and all is as it was' "$WORK/out"
    daemon_start_foreground
    [ -z "$(volctl ls -q)" ]
    store_is_clean
}

@test "what is changed while it is copied is not taken over" {
    local client

    other_disk
    engine_volume web
    slow_copies
    volctl adopt docker web >"$WORK/out" 2>&1 3>&- &
    client=$!
    eventually 40 copying web
    echo more >>"$(data_of web)/file"
    if wait "$client"; then
        return 1
    fi
    grep -q 'was changed while it was copied, so nothing is taken over' "$WORK/out"
    kill "$STRACE_PID"
    wait "$STRACE_PID" || true
    [ -z "$(volctl ls -q)" ]
    [ "$(cat "$(data_of web)/file")" = $'of web\nmore' ]
}

@test "a terminal is shown how far it is" {
    engine_volume web
    slow_copies
    script -qec "'$VOLCTL' adopt docker web --copy" "$WORK/typescript" >/dev/null </dev/null 3>&-
    kill "$STRACE_PID"
    wait "$STRACE_PID" || true
    grep -q 'copying to volume web: \[.*of 1.0 MiB' "$WORK/typescript"
    grep -q 'copy adopted' "$WORK/typescript"
}

# ---- back ------------------------------------------------------------------------

@test "a volume goes back to where it was, under its old name" {
    local before inode

    engine_volume web '{"Labels": {"team": "a"}}'
    before=$(describe_tree "$(data_of web)")
    inode=$(stat -c %i "$(data_of web)/file")
    volctl adopt docker web
    volctl rename web other
    volctl adopt --undo other >"$WORK/out"
    [ "$(cat "$WORK/out")" = $'NAME  RESULT\nother given back' ]
    [ "$(describe_tree "$(data_of web)")" = "$before" ]
    [ "$(stat -c %i "$(data_of web)/file")" = "$inode" ]
    [ "$(jq -c .Labels "$ENGINE/web.json")" = '{"team":"a"}' ]
    [ -z "$(volctl ls -q)" ]
    [ -z "$(ls "$TREE")" ]
    store_is_clean
    volctl adopt docker web
}

@test "all that was moved goes back, once it was asked" {
    engine_volume web
    engine_volume db
    engine_volume copied
    volctl adopt docker web db
    volctl adopt docker copied --copy
    fails volctl adopt --undo </dev/null
    [[ $output == *'cancelled, nothing is given back'* ]]
    [ "$(volctl adopt --undo --dry-run --format json | jq -c '[.[] | [.Name, .Result]] | sort')" = \
        '[["db","planned"],["web","planned"]]' ]
    [ "$(volctl ls -q | wc -l)" -eq 3 ]
    volctl adopt --undo <<<y
    [ "$(volctl ls -q)" = copied ]
    [ -e "$(data_of web)/file" ]
    [ -e "$(data_of db)/file" ]
}

@test "a read-only volume goes back writable" {
    engine_volume web
    volctl adopt docker web
    exec 5>>"$TREE/web/file"
    volctl set web readonly=on
    exec 5>&-
    volctl adopt --undo web
    echo more >>"$(data_of web)/file"
}

@test "one that a container refers to does not go, and the engine's empty one goes again" {
    engine_volume web
    volctl adopt docker web
    volctl attach box -v web:/d
    fails volctl adopt --undo web
    [[ $output == *'volume "web" is in use by box:/d'* ]]
    [ "$(cat "$TREE/web/file")" = 'of web' ]
    [ ! -e "$ENGINE/volumes/web" ]
    volctl detach box
    volctl adopt --undo web
}

@test "one that an engine has mounted does not go, unless the engine has ended" {
    local mount='{"Name":"web","ID":"some-id"}'

    engine_volume web
    volctl adopt docker web
    curl -sS --max-time 10 --unix-socket "$WORK/plugin.sock" -H 'Content-Type:' -d "$mount" \
        http://localhost/VolumeDriver.Mount
    fails volctl adopt --undo web
    [[ $output == *'volume "web" is in use by an engine (mount id some-id)'* ]]
    [ "$(cat "$TREE/web/file")" = 'of web' ]
    cp "$(command -v curl)" "$WORK/dockerd" # the name is what tells it
    "$WORK/dockerd" -sS --max-time 10 --unix-socket "$WORK/plugin.sock" -H 'Content-Type:' \
        -d "$mount" http://localhost/VolumeDriver.Mount
    volctl adopt --undo web
    [ "$(cat "$(data_of web)/file")" = 'of web' ]
}

@test "it goes back into nothing but an empty place" {
    engine_volume web
    volctl adopt docker web
    mkdir -p "$(data_of web)"
    echo other >"$(data_of web)/other"
    fails volctl adopt --undo web
    [[ $output == *'has files in it'* ]]
    [ "$(cat "$TREE/web/file" "$(data_of web)/other")" = $'of web\nother' ]
    rm "$(data_of web)/other"
    volctl adopt --undo web
    [ "$(cat "$(data_of web)/file")" = 'of web' ]
}

# plugin CALL [NAME]: as an engine does; prints the answer.
plugin() {
    curl -sS --max-time 10 --unix-socket "$WORK/plugin.sock" -H 'Content-Type:' \
        -d "{\"Name\":\"${2-}\",\"ID\":\"some-id\"}" "http://localhost/VolumeDriver.$1"
}

is_hidden() {
    [ "$(plugin Get web)" = '{"Err":"get web: no such volume"}' ]
    [ "$(plugin Path web)" = '{"Err":"get web: no such volume"}' ]
    [ "$(plugin List | jq -c '[.Volumes[].Name]')" = '["db"]' ]
}

is_shown() {
    [ "$(plugin Get web | jq -r .Volume.Name)" = web ]
    [ "$(plugin List | jq -c '[.Volumes[].Name]')" = '["db","web"]' ]
}

@test "engines do not find what is about to go back, and do again if it stays" {
    engine_volume web
    volctl adopt docker web
    mkdir "$TREE/db"
    adoptions POST web/leave
    is_hidden
    [ "$(plugin Mount web)" = '{"Err":"get web: no such volume"}' ]
    [[ $(plugin Create web) == *'is being given back'* ]]
    [[ $(plugin Remove web) == *'is being given back'* ]]
    [ "$(cat "$TREE/web/file")" = 'of web' ]
    adoptions DELETE web/leave
    is_shown
    adoptions POST web/leave
    is_hidden
    mkdir -p "$(data_of web)"
    touch "$(data_of web)/other"
    fails adoptions DELETE web
    is_shown
    fails volctl adopt --undo web # before the engine has made one
    [[ $output == *'has files in it'* ]]
    fails grep 'POST /volumes/create' "$ENGINE/log"
    is_shown
    rm "$(data_of web)/other"
    volctl adopt --undo web
    [[ $(plugin Create web) == '{"Err":""}' ]]
    is_shown
}

@test "engines find what cannot go back" {
    engine_volume web
    mkdir "$TREE/db"
    volctl adopt docker web --copy
    fails api POST adoptions/web/leave
    [[ $output == *'was copied, and docker has its own still'* ]]
    fails api POST adoptions/db/leave
    [[ $output == *'was not taken over'* ]]
    fails api POST adoptions/none/leave
    [[ $output == *'no such volume'* ]]
    volctl rm web
    volctl adopt docker web
    volctl attach box -v web:/d
    fails api POST adoptions/web/leave
    [[ $output == *'volume \"web\" is in use by box:/d'* ]]
    is_shown
}

# It is killed once the data is there, before it says so (the catalog is written after that).
@test "what the engine has got stays there if the daemon does not answer" {
    engine_volume web
    volctl adopt docker web
    strace -f -qq -p "$DAEMON_PID" -e trace=fdatasync -e inject=fdatasync:signal=KILL:when=1 \
        -o /dev/null 3>&- 2>/dev/null &
    eventually 20 daemon_is_traced
    fails volctl adopt --undo web
    wait $! || true
    daemon_wait_end
    umount -l "$TREE"
    [ "$(cat "$(data_of web)/file")" = 'of web' ]
    daemon_start_foreground
    [ -z "$(volctl ls -q)" ]
}

@test "the engine that keeps its volumes elsewhere now gets none" {
    engine_volume web
    volctl adopt docker web
    mv "$ENGINE/volumes" "$ENGINE/moved"
    ln -s moved "$ENGINE/volumes"
    fails volctl adopt --undo web
    [[ $output == *'has no plain volume "web" at'* ]]
    [ "$(cat "$TREE/web/file")" = 'of web' ]
}

# ---- the engine fails --------------------------------------------------------------

@test "an entry that the engine did not remove is removed by doing it again" {
    engine_volume web
    touch "$ENGINE/stubborn"
    fails volctl adopt docker web
    [[ $output == *'it is here, but Docker lists it still: Docker: remove web: not today'* ]]
    [ "$(cat "$TREE/web/file")" = 'of web' ]
    rm "$ENGINE/stubborn"
    volctl adopt docker web
    [ ! -e "$ENGINE/volumes/web" ]
    [ "$(cat "$TREE/web/file")" = 'of web' ]
}

@test "a copy whose original the engine kept is not taken for done" {
    other_disk
    engine_volume web
    touch "$ENGINE/stubborn"
    fails volctl adopt docker web
    rm "$ENGINE/stubborn"
    fails volctl adopt docker web
    [[ $output == *'a volume of the name "web" exists'* ]]
    [ -e "$(data_of web)/file" ]
}

@test "an engine that is down is gone by its directories, if that is wished" {
    engine_volume web
    engine_volume nfs
    echo '{}' >"$ENGINE/volumes/nfs/opts.json"
    engine_stop
    fails volctl adopt docker web
    [[ $output == *"Docker does not answer on $WORK/d.sock"*'--offline'* ]]
    volctl adopt docker --all --offline --data-root "$ENGINE" >"$WORK/out" 2>&1
    grep -q 'web: once Docker runs, remove its entry: docker volume rm web' "$WORK/out"
    grep -q 'nfs: it has options' "$WORK/out"
    [ "$(cat "$TREE/web/file")" = 'of web' ]
    volctl adopt --undo web --offline
    [ "$(cat "$(data_of web)/file")" = 'of web' ]
    engine_start
}

@test "the command line is checked" {
    local arguments

    while read -r arguments; do
        # shellcheck disable=SC2086 # several
        run volctl adopt $arguments
        [ "$status" -eq 2 ]
    done <<'END'

docker
rocket --all
docker web --all
docker --all --move --copy
docker --all --data-root /x
podman --all --offline
podman --all --host unix:///x
--undo --all
END
    fails volctl adopt docker --all --host tcp:127.0.0.1:2375
    [[ $output == *'is no unix socket'* ]]
}
