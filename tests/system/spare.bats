#!/usr/bin/env bats
# Directories that are made in advance, for volumes to come: what takes one is a volume like any
# other, and nothing is lost or left of them when the daemon dies.

load lib

setup() {
    require_mounts
    set -o pipefail # jq -e takes no input at all for true
    work_make
    daemon_start
}

spares() {
    ls "$STORE/spare"
}

has_spares() {
    [ -n "$(spares)" ]
}

# They are made when a volume was made: now there are as many as there will be.
spares_rest() {
    eventually 20 are_all
}

are_all() {
    [ "$(spares | wc -l)" -eq 32 ]
}

# Makes a volume so that there are spares, and notes them.
spares_make() {
    mkdir "$TREE/first"
    spares_note
}

# In $WORK/spares.
spares_note() {
    spares_rest
    spares >"$WORK/spares"
}

# takes_spare VOLUME COMMAND…: makes the volume, which takes one.
takes_spare() {
    spares_note
    "${@:2}"
    took_spare "$1"
}

id_of() {
    volume_attribute "$TREE/$1" id
}

# took_spare VOLUME: its directory was there before it.
took_spare() {
    grep -qx "$(id_of "$1")" "$WORK/spares"
}

record_of() {
    cat "$STORE/volumes/$(id_of "$1")/volume.json"
}

@test "they come with the first volume, and are blank" {
    local id

    [ -z "$(spares)" ]
    spares_make
    fails took_spare first
    while read -r id; do
        [ -z "$(tr -d ' \n' <"$STORE/spare/$id/volume.json")" ]
        [ "$(stat -c '%a %u' "$STORE/spare/$id/data")" = "755 $(id -u)" ]
    done <"$WORK/spares"
    [ "$(ls "$TREE")" = first ]
    volctl doctor
}

@test "a volume that takes one is like any other" {
    spares_make
    takes_spare plain volctl create --label a=b plain
    takes_spare owned volctl create -o uid=5 -o gid=6 -o mode=1770 -o readonly=true owned
    takes_spare made mkdir -m 750 "$TREE/made"
    for volume in plain owned made; do
        [ "$(record_of "$volume" | jq -r '.Name + " " + .Id')" = "$volume $(id_of "$volume")" ]
    done
    [ "$(stat -c '%a %u:%g' "$TREE/plain")" = 755\ 0:0 ]
    [ "$(stat -c '%a %u:%g' "$TREE/owned")" = 1770\ 5:6 ]
    [ "$(stat -c '%a %u:%g' "$TREE/made")" = 750\ 0:0 ]
    [ "$(record_of plain | jq -r .Labels.a)" = b ]
    [ "$(record_of owned | jq .ReadOnly)" = true ]
    # as old as the volume, not as the directory
    [ "$TREE/plain" -nt "$TREE/first" ]
    [ "$TREE/made" -nt "$TREE/first" ]
    volctl rename plain other
    [ "$(record_of other | jq -r .Name)" = other ]
    volctl rm other owned
    rmdir "$TREE/made"
    eventually 10 trash_is_empty
    volctl doctor
}

@test "a record that has no room in one is written elsewhere" {
    spares_make
    volctl create --label "long=$(printf '%05000d' 0)" long
    fails took_spare long
    [ "$(record_of long | jq -r '.Labels.long | length')" = 5000 ]
    spares | diff "$WORK/spares" - # and none was lost
}

@test "more volumes at once than there are" {
    local number made

    spares_make
    number=$(wc -l <"$WORK/spares")
    made=$((2 * number + 10))
    seq -f "$TREE/v%g" "$made" | xargs -P 4 -n 10 mkdir
    [ "$(find "$TREE" -mindepth 1 -maxdepth 1 | wc -l)" -eq $((made + 1)) ]
    [ "$(find "$STORE/volumes" -mindepth 1 -maxdepth 1 | wc -l)" -eq $((made + 1)) ]
    volctl doctor
    spares_rest
    [ "$(spares | wc -l)" -eq "$number" ]
}

@test "a daemon that ends takes them along, one that was killed leaves none to the next" {
    spares_make
    mkdir "$TREE/v"
    daemon_kill
    has_spares
    daemon_start
    eventually 10 trash_is_empty
    [ -z "$(spares)" ]
    [ "$(ls "$TREE")" = $'first\nv' ]
    mkdir "$TREE/again"
    spares_rest
    daemon_stop
    [ -z "$(spares)" ]
}

# The rename out of spare/ is not waited for: a machine that goes down may not have it.
@test "a volume that is found among them after a crash is a volume, with its data" {
    local id

    spares_make
    mkdir "$TREE/v"
    took_spare v
    echo data >"$TREE/v/file"
    id=$(id_of v)
    daemon_kill
    mv "$STORE/volumes/$id" "$STORE/spare/$id"
    daemon_start
    [ "$(cat "$TREE/v/file")" = data ]
    [ -d "$STORE/volumes/$id" ]
    [ -z "$(spares)" ]
    volctl doctor
}

@test "so it is where the catalog was lost with it" {
    local id

    spares_make
    mkdir "$TREE/v"
    echo data >"$TREE/v/file"
    id=$(id_of v)
    daemon_kill
    mv "$STORE/volumes/$id" "$STORE/spare/$id"
    rm "$STORE"/catalog.db*
    timeout 60 "$VOLCTL" doctor --rebuild --store "$STORE" || true # it tells what a rebuild cannot know
    daemon_start
    [ "$(cat "$TREE/v/file")" = data ]
    [ "$(ls "$TREE")" = $'first\nv' ]
}

# begin_record ID: as far as a machine got that went down.
begin_record() {
    printf '{ "Format": 1, "Id": "%s", "Na' "$1" | dd of="$STORE/spare/$1/volume.json" conv=notrunc status=none
}

@test "one with half a record was promised to nobody" {
    spares_make
    daemon_kill
    begin_record "$(head -n 1 "$WORK/spares")"
    daemon_start
    [ "$(ls "$TREE")" = first ]
    [ -z "$(spares)" ]
    volctl doctor
    eventually 10 trash_is_empty
}

@test "but not where the catalog knows it" {
    local id

    spares_make
    mkdir "$TREE/v"
    id=$(id_of v)
    daemon_kill
    mv "$STORE/volumes/$id" "$STORE/spare/$id"
    begin_record "$id"
    daemon_start
    [ "$(ls "$TREE")" = $'first\nv' ]
    touch "$TREE/v/file"
    volctl doctor
}

@test "nor where there is data: that is kept, and told of" {
    local id

    spares_make
    daemon_kill
    id=$(head -n 1 "$WORK/spares")
    echo data >"$STORE/spare/$id/data/file"
    daemon_start
    [ "$(cat "$STORE/volumes/$id/data/file")" = data ]
    fails volctl doctor
    [[ $output == *"$id"* ]]
}

@test "what is there twice, or is no directory, keeps nobody from being served" {
    local id other

    spares_make
    mkdir "$TREE/v"
    echo data >"$TREE/v/file"
    id=$(id_of v)
    daemon_kill
    cp -a "$STORE/volumes/$id" "$STORE/spare/$id"
    other=$(grep -vx "$id" "$WORK/spares" | head -n 1)
    rm -r "${STORE:?}/spare/$other/data"
    touch "$STORE/spare/$other/data"
    daemon_start
    [ "$(cat "$TREE/v/file")" = data ]
    [ "$(cat "$STORE/spare/$id/data/file")" = data ]
    fails volctl doctor
    [[ $output == *"$id: it is in the store twice"* ]]
    [[ $output == *"$other"* ]]
}

@test "one that does not serve is not used" {
    local id

    spares_make
    while read -r id; do
        rm "$STORE/spare/$id/volume.json"
    done <"$WORK/spares"
    mkdir "$TREE/v"
    fails took_spare v
    [ "$(record_of v | jq -r .Name)" = v ]
    volctl doctor
}
