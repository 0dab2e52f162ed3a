# shellcheck shell=bash
# An engine whose volumes are taken over: directories, and a socket that answers as Docker's.
#
#   engine_start            $ENGINE, its directory; DOCKER_HOST
#   engine_volume NAME [JSON]   a volume with files of every kind; what Docker says of it
#   engine_containers JSON  [{"Id","Names","State","Mounts":[…]}]

FAKE_DOCKER=$(dirname "${BASH_SOURCE[0]}")/fake_docker.py

engine_start() {
    ENGINE=$WORK/e
    export DOCKER_HOST=unix://$WORK/d.sock
    mkdir -p "$ENGINE/volumes"
    "$FAKE_DOCKER" "$WORK/d.sock" "$ENGINE" >"$WORK/engine.log" 2>&1 3>&- &
    ENGINE_PID=$!
    eventually 20 test -S "$WORK/d.sock"
}

engine_stop() {
    kill -TERM "$ENGINE_PID"
    wait "$ENGINE_PID" || true
    rm -f "$WORK/d.sock"
}

engine_volume() {
    local data=$ENGINE/volumes/$1/_data

    mkdir -p "$data/sub"
    echo "of $1" >"$data/file"
    ln "$data/file" "$data/sub/hard"
    ln -s /etc/passwd "$data/link"
    mknod "$data/sub/null" c 1 3
    mkfifo "$data/fifo"
    truncate -s 1M "$data/hole"
    setfattr -n user.colour -v red "$data/file"
    setfacl -m u:12345:r "$data/file"
    chown -h 33:44 "$data" "$data/sub" "$data/link"
    chmod 2750 "$data"
    chmod 4755 "$data/hole"
    touch -h -d '2001-02-03 04:05:06.789' "$data/file" "$data/sub" "$data"
    printf '%s\n' "${2:-{\}}" >"$ENGINE/$1.json"
}

engine_containers() {
    printf '%s\n' "$1" >"$ENGINE/containers.json"
}

# container STATE VOLUME: one, as Docker lists it.
container() {
    jq -n --arg state "$1" --arg volume "$2" \
        '[{Id: "0123", Names: ["/box"], State: $state, Mounts: [{Type: "volume", Name: $volume}]}]'
}

data_of() {
    printf '%s' "$ENGINE/volumes/$1/_data"
}

# Everything a tree has, a line for each entry; the same for the same tree.
describe_tree() {
    (cd "$1" && find . \( -type d -printf '%P %y %m %U %G %T@\n' \) -o \
        -printf '%P %y %m %U %G %s %n %l %T@\n' | LC_ALL=C sort &&
        find . -type f -exec md5sum {} + | LC_ALL=C sort &&
        find . -print0 | LC_ALL=C sort -z | xargs -0 getfattr -h -d -m 'user.colour|system' &&
        find . ! -type l -print0 | LC_ALL=C sort -z | xargs -0 getfacl -p -n) 2>&1
}

# adoptions METHOD [NAME] [BODY]: the control API's answer; fails on an error.
adoptions() {
    curl -s -S -f -m 60 --unix-socket "$SOCKET" -X "$1" -H 'Content-Type: application/json' \
        ${3:+--data "$3"} "http://localhost/volumefs/adoptions${2:+/$2}"
}

# The body that takes volume $1 over; $2 true to move it.
adoption_body() {
    jq -nc --arg name "$1" --arg source "$(data_of "$1")" --argjson move "$2" \
        '{Name: $name, Engine: "docker", Source: $source, Move: $move}'
}

store_is_clean() {
    [ -z "$(ls -A "$STORE/adopting")" ] && [ -z "$(ls -A "$STORE/staging")" ]
}
