# shellcheck shell=bash disable=SC2154 # fails leaves $output
# Containers in the states of the walk, for tests that kill who serves them. After walk.bash:
#
#   populate         makes them with $ENGINE; $DBDATA is the volume that three of them have
#   depopulate       starts all of them, looks at what they have, and removes them one by one
#   nothing_is_left  no volume, and no mount of one, by a daemon that lives or that died

# A container that runs, one that never did and two that take over what it has, one of which has ended.
populate() {
    volume_for "web-$ENGINE:/webapp"
    start "web-$ENGINE" "${VOLUME[@]}"
    volume_for /dbdata
    create "dbstore-$ENGINE" "${VOLUME[@]}"
    start "db1-$ENGINE" --volumes-from "dbstore-$ENGINE"
    start "db2-$ENGINE" --volumes-from "dbstore-$ENGINE:ro"
    engine stop -t 0 "db2-$ENGINE"
    engine exec "web-$ENGINE" sh -c 'echo kept >/webapp/kept; echo one >/webapp/f'
    DBDATA=$(mount_of "dbstore-$ENGINE" /dbdata Name)
    echo kept >"$TREE/$DBDATA/kept"
    count_is "web-$ENGINE" 1
    count_is "$DBDATA" 3
}

# What populate made can be used as before, and goes.
depopulate() {
    local name

    engine start "web-$ENGINE" "db1-$ENGINE" "db2-$ENGINE"
    agree
    [ "$(engine exec "web-$ENGINE" cat /webapp/kept)" = kept ]
    [ "$(engine exec "db1-$ENGINE" cat /dbdata/kept)" = kept ]
    fails engine exec "db2-$ENGINE" touch /dbdata/x
    [[ $output == *'Read-only file system'* ]]
    for name in web db1 dbstore db2; do
        remove_container "$ENGINE" "$name-$ENGINE"
        agree
    done
    for name in $(engine_volumes); do
        engine volume rm "$name" || true # docker has removed the anonymous one
    done
}

# Nobody can have them, whatever is down: one refusal may be that an engine does not tell yet.
are_kept() {
    local name

    for name in "$@"; do
        fails volctl rm "$name"
        eventually 5 is_in_use "$name"
    done
}

is_in_use() {
    fails volctl rm "$1" && [[ $output == *'in use'* ]]
}

nothing_is_left() {
    eventually 5 nothing_is_stale || {
        stale_mounts
        return 1
    }
    [ -z "$(volumes)" ]
}
