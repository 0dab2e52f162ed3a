#!/usr/bin/env bats
# shellcheck disable=SC2016 # expanded in containers
# What happens to volumes, and what is refused, can be seen: events, the log, counters.

load lib
load container

setup() {
    require_mounts
    set -o pipefail # jq -e takes no input at all for true
    work_make
    daemon_start_foreground
    CONTAINER_ID=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
}

# Starts a follower of all there is; what it says is in $WORK/follower, and it goes with that.
follow() {
    "$VOLCTL" events -f --since 0 >"$WORK/follower" 2>"$WORK/follower.err" 3>&- &
    FOLLOWER=$!
}

# followed REGEX: the follower's last line comes to match it.
followed() {
    eventually 10 last_line_matches "$1" || {
        tail -n 20 "$WORK/follower" | cut -c 1-300
        return 1
    }
}

last_line_matches() {
    tail -n 1 "$WORK/follower" | grep -Eq "$1"
}

counter() {
    daemon_status "denials-$1"
}

# The lines of the log that tell of denials.
log_lines() {
    grep -c denied "$WORK/daemon.log" || true
}

log_lines_are() {
    [ "$(log_lines)" -eq "$1" ]
}

# A denial is told by a thread of its own, after whoever was refused has its answer: once alone,
# or once with its number of times, as they come.

# told_as_event REGEX: an event of a denial matches it, now or in a moment.
told_as_event() {
    eventually 5 denial_events_match "$1"
}

denial_events_match() {
    volctl events --filter event=deny >"$WORK/denials"
    grep -q "$1" "$WORK/denials"
}

# told_in_log REGEX: a line that ends so, but for the number of times, now or in a moment.
told_in_log() {
    eventually 5 grep -q "$1\\(, [0-9]* times\\)*\$" "$WORK/daemon.log"
}

@test "each change is told, in order, as text" {
    follow
    mkdir "$TREE/a"
    followed ' volume create a \(id=[0-9a-f]{32}, driver=local, kind=named\)$'
    mv -T "$TREE/a" "$TREE/b"
    followed ' volume rename b \(id=[0-9a-f]{32}, from=a\)$'
    volume_set_readonly "$TREE/b" 1
    followed ' volume readonly b \(id=[0-9a-f]{32}, readonly=true\)$'
    fails touch "$TREE/b/file"
    followed ' volume deny b \(id=[0-9a-f]{32}, operation=change, rule=read-only-volume, error=EROFS, count=1, pid=[0-9]+, uid=0, command=touch\)$'
    volctl set b readonly=off
    followed ' volume readonly b \(.*, readonly=false\)$'
    volctl attach web b:/x:ro
    followed ' volume attach b \(.*, container=web, container-id=[0-9a-f]{64}, destination=/x, mode=ro\)$'
    volctl attach web b:/y:Z
    followed ' volume label b \(.*, label=private, owner=[0-9a-f]{64}\)$'
    fails volctl attach other b:/z
    followed ' volume deny b \(.*, container-id=[0-9a-f]{64}, operation=attach, rule=private-volume, error=EACCES, count=1\)$'
    volctl detach web /x
    followed ' volume detach b \(.*, container=web, .*, destination=/x, mode=ro\)$'
    volctl detach web
    followed ' volume detach b \(.*, destination=/y, mode=rw\)$'
    volctl rename b c
    followed ' volume rename c \(.*, from=b\)$'
    rmdir "$TREE/c"
    followed ' volume remove c \(id=[0-9a-f]{32}\)$'
    # without -f the same, and nothing is waited for
    volctl events | diff - "$WORK/follower"
    [ "$(wc -l <"$WORK/follower")" -eq 13 ]
    cut -d ' ' -f 1 "$WORK/follower" | LC_ALL=C sort -c
    kill "$FOLLOWER"
}

@test "and as lines of JSON, as Docker writes events" {
    local id

    volctl create v
    id=$(volume_attribute "$TREE/v" id)
    volctl attach "$CONTAINER_ID" v:/x
    fails volctl rm v # nothing happened
    [[ $output == *'in use'* ]]
    volctl container rm "$CONTAINER_ID"
    volctl rm v
    volctl events --format json >"$WORK/json"
    jq -se --arg id "$id" --arg container "$CONTAINER_ID" '
        map(.Action) == ["create", "attach", "detach", "remove"] and
        map(.Sequence) == [1, 2, 3, 4] and
        all(.[]; .Type == "volume" and .scope == "local" and .Actor.ID == "v" and
            .Actor.Attributes.id == $id and .time == (.timeNano / 1000000000 | floor)) and
        .[1].Actor.Attributes["container-id"] == $container' "$WORK/json"
    curl -s --unix-socket "$SOCKET" http://localhost/volumefs/events | diff - "$WORK/json"
}

@test "volumes made and removed on the way are told: attach, rm -v, prune" {
    volctl attach web new:/x
    volctl detach web
    volctl container create --name db -v /data >"$WORK/id"
    volctl container rm -v db
    volctl create
    volctl prune -f
    [ "$(volctl events --format json | jq -r .Action | paste -sd ' ')" = \
        'create attach detach create attach detach remove create remove' ]
}

@test "an engine's mounts are told" {
    volctl create v
    curl -s --unix-socket "$WORK/plugin.sock" -d '{"Name":"v","ID":"m1"}' http://localhost/VolumeDriver.Mount
    curl -s --unix-socket "$WORK/plugin.sock" -d '{"Name":"v","ID":"m1"}' http://localhost/VolumeDriver.Unmount
    curl -s --unix-socket "$WORK/plugin.sock" -d '{"Name":"v","ID":"m1"}' http://localhost/VolumeDriver.Unmount
    [ "$(volctl events --format json | jq -r '.Action + ":" + .Actor.Attributes["mount-id"]' | paste -sd ' ')" = \
        'create: mount:m1 unmount:m1' ]
}

@test "filters and times choose" {
    local between

    mkdir "$TREE/a" "$TREE/b"
    sleep 0.1
    between=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)
    volctl attach web a:/x b:/y
    volctl attach db b:/y
    [ "$(volctl events --filter event=attach --filter event=label | wc -l)" -eq 3 ]
    [ "$(volctl events --filter container=web --filter volume=b | wc -l)" -eq 1 ]
    [ "$(volctl events --filter volume="$(volume_attribute "$TREE/a" id)" | wc -l)" -eq 2 ]
    [ "$(volctl events --since "$between" | wc -l)" -eq 3 ]
    [ "$(volctl events --since "$(date +%s.%N)" | wc -l)" -eq 0 ]
    [ "$(volctl events --since 10m | wc -l)" -eq 5 ]
    fails volctl events --filter label=x
    [ "$output" = "volctl: invalid filter 'label'" ]
    fails volctl events --since yesterday
    [[ $output == *"'since' must be a time"* ]]
}

# One volume more, after-1, after-2, …; true once the follower tells of one.
make_until_followed() {
    made=$((made + 1))
    mkdir "$TREE/after-$made"
    [ -s "$WORK/follower" ]
}

@test "a follower without --since is told what comes only" {
    local made=0 first

    mkdir "$TREE/before"
    "$VOLCTL" events -f >"$WORK/follower" 3>&- &
    FOLLOWER=$!
    eventually 10 make_until_followed # nobody can tell from when on it follows
    followed "volume create after-$made "
    sed 's/.* volume create \([^ ]*\) .*/\1/' "$WORK/follower" >"$WORK/told"
    first=$(sed -n '1s/^after-//p' "$WORK/told")
    seq -f 'after-%g' "$first" "$made" | diff - "$WORK/told"
    kill -INT "$FOLLOWER"
}

# What a container is refused: it is attached for reading, and has its mount writable.
STORM='i=0; while [ $i -lt 100000 ]; do true >>/data/file; i=$((i + 1)); done 2>/dev/null; exit 0'

@test "a storm of 100,000 denials in a container is counted to the last, and is few lines" {
    local lines events runtime

    require_runtime
    runtime=$(command -v runc || command -v crun)
    mkdir "$TREE/v" "$WORK/bundle"
    touch "$TREE/v/file"
    rootfs_make "$WORK/bundle/rootfs"
    volctl attach "$CONTAINER_ID" v:/data:ro
    (
        cd "$WORK/bundle"
        "$runtime" spec
        jq --arg volume "$TREE/v" --arg storm "$STORM" '
            .process.terminal = false | .process.args = ["/bin/sh", "-c", $storm] |
            .linux.cgroupsPath = env.CONTAINER_ID |
            .mounts += [{destination: "/data", type: "bind", source: $volume, options: ["rbind", "rw"]}]
            ' config.json >new && mv new config.json
        timeout 250 "$runtime" --root "$WORK/runc" run "$CONTAINER_ID" </dev/null
    )
    [ "$(counter read-only-attachment)" -eq 100000 ]
    [ "$(daemon_status denials)" -eq 100000 ]
    api GET status | jq -e '.DenialsByRule["read-only-attachment"] == 100000 and .Denials == 100000'
    lines=$(log_lines)
    [ "$lines" -ge 1 ] && [ "$lines" -le 12 ]
    told_in_log "denied to container $CONTAINER_ID: change of volume \"v\" by rule read-only-attachment, process [0-9]* (sh) of uid 0"
    events=$(volctl events --filter event=deny --filter container="${CONTAINER_ID:0:12}" | wc -l)
    [ "$events" -ge 1 ] && [ "$events" -le 12 ]
}

@test "denials of the host and without passthrough are told too, and each rule has its counter" {
    daemon_stop
    daemon_start_foreground --no-passthrough
    mkdir "$TREE/v"
    exec 7>>"$TREE/v/file"
    volume_set_readonly "$TREE/v" 1
    fails eval 'echo text >&7' # a write: who has the file open is not asked
    exec 7>&-
    fails touch "$TREE/v/file"
    fails container_run v setfattr -n user.volume.readonly -v 0 /data
    [ "$(counter read-only-volume)" -ge 2 ]
    [ "$(counter administration)" -eq 1 ]
    [ "$(counter read-only-attachment)" -eq 0 ]
    told_as_event 'operation=store, rule=read-only-volume, error=EROFS, count=[0-9]*)$'
    told_as_event 'operation=change, rule=administration, error=EPERM, .*uid=0, command=setfattr)$'
    told_as_event "container-id=$CONTAINER_ID, operation=change, rule=administration"
    told_in_log 'denied: change of volume "v" by rule read-only-volume, process [0-9]* (touch) of uid 0'
}

@test "what a container calls itself cannot pretend to be something else" {
    mkdir "$TREE/v"
    cat >"$WORK/liar" <<'PYTHON'
import ctypes, sys
ctypes.CDLL(None).prctl(15, b'a, rule=x\n\x1b[1m\xff', 0, 0, 0)
try:
    open(sys.argv[1], "a")
except OSError:
    pass
PYTHON
    volume_set_readonly "$TREE/v" 1
    python3 "$WORK/liar" "$TREE/v/file"
    told_as_event 'command="a, rule=x")$' # up to the line's end
    [ "$(wc -l <"$WORK/denials")" -eq 1 ]
    volctl events --format json | jq -se 'length == 3'
    eventually 5 log_lines_are 1
}

@test "a follower that does not read holds up nobody, and learns that it missed something" {
    local i

    follow
    mkdir "$TREE/v"
    followed 'volume create v '
    kill -STOP "$FOLLOWER"
    python3 -c 'import json; long = "/" + "/".join(["x" * 250] * 15)
print(json.dumps({"Volumes": ["v:%s/%d" % (long, i) for i in range(200)]}))' >"$WORK/many"
    for ((i = 0; i < 11; i++)); do
        curl -s -f -o /dev/null --unix-socket "$SOCKET" -H 'Content-Type: application/json' \
            --data "@$WORK/many" http://localhost/volumefs/containers/web/attachments
        api DELETE containers/web/attachments
    done
    volume_set_readonly "$TREE/v" 1
    [ "$(volctl events | wc -l)" -eq 4096 ]
    kill -CONT "$FOLLOWER"
    followed 'volume readonly v '
    [ "$(grep -c 'volume lost - (count=[0-9]*)$' "$WORK/follower")" -eq 1 ]
    # what it was told and what it lost is all there was
    awk '/volume lost/ { sub(/.*count=/, ""); sum += $0; next } { sum++ }
        END { exit sum != 2 + 11 * 400 }' "$WORK/follower"
    kill "$FOLLOWER"
}

@test "the daemon's stop ends followers at once, also one that does not read" {
    local before slowness

    follow
    mkdir "$TREE/v"
    followed 'volume create v '
    "$VOLCTL" events -f >/dev/null 2>&1 3>&- &
    sleep 0.5
    kill -STOP $!
    slowness=$(busyness)
    before=$SECONDS
    daemon_stop
    [ $((SECONDS - before)) -le $((6 * slowness)) ]
    fails wait "$FOLLOWER"
    grep -q "^volctl: the daemon at $SOCKET ended\$" "$WORK/follower.err"
}

@test "the interrupt key ends a follower" {
    # a shell's background jobs ignore it
    env --default-signal=INT "$VOLCTL" events -f --since 0 >"$WORK/follower" 3>&- &
    FOLLOWER=$!
    mkdir "$TREE/v"
    followed 'volume create v '
    kill -INT "$FOLLOWER"
    eventually 5 fails kill -0 "$FOLLOWER"
}
