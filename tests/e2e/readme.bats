#!/usr/bin/env bats
# The README's terminal blocks, run as they stand: every `$ command` of a ```console block, in order,
# and what it prints compared with what the README shows (… stands for anything, also for lines).
#
# Four names are replaced, the tree's, the driver's, the build directory's and /tmp, so that it can run
# beside others. The image `alpine` is the tests' own, imported under that name. The store is the
# quickstart's.

load lib

setup_file() {
    require_mounts
    work_make
    DRIVER=$(basename "$WORK") # of this run, as Docker looks for drivers in one place alone
    export DRIVER VOLUMEFS_PLUGIN_SOCKET=/run/docker/plugins/$DRIVER.sock
    export VOLUMEFS_MOUNTPOINT=$TREE VOLUMEFS_STORE=$STORE
    IMAGE=alpine:latest engines_start
    rmdir "$TREE" # it is the quickstart's to make and to remove
    (cd "$ROOT" && timeout 240 tools/quickstart 3>&-)
}

teardown_file() {
    local failed=0

    engines_stop || failed=1
    work_free || failed=1
    return "$failed"
}

# The README's lines of console blocks, in this run's places.
console_lines() {
    awk '/^```/ { inside = /console$/; next } inside' "$ROOT/README.md" |
        sed -e "s, /tmp/, $WORK/,g" -e "s,-d volumefs ,-d $DRIVER ," -e "s,/mnt/volumes,$TREE,g" \
            -e "s,build-quickstart,$VOLUMEFS_BUILD,g"
}

# shows EXPECTED ACTUAL: the same, where … in the first stands for anything.
shows() {
    local pattern

    pattern=$(printf '%s' "$1" | sed -e 's/[][\.*^$\\?]/\\&/g' -e 's/…/*/g')
    # shellcheck disable=SC2053 # a pattern, made above
    [[ $2 == $pattern ]]
}

# run_shown COMMAND EXPECTED
run_shown() {
    local actual

    actual=$(cd "$ROOT" && eval "$1" 2>&1) || true # some show a refusal
    if ! shows "$2" "$actual"; then
        printf '$ %s\nexpected:\n%s\nactual:\n%s\n' "$1" "$2" "$actual"
        return 1
    fi
}

@test "the comparison finds a difference" {
    shows 'a … c' 'a b c'
    shows '…' $'many\nlines'
    fails shows 'a … c' 'a b d'
    fails shows 'a' 'b'
    fails shows 'a*' 'ab'
    fails shows '' 'x'
}

@test "the README's terminal blocks do what they show" {
    local line command='' expected='' count=0

    while IFS= read -r line <&4; do
        if [[ $line != '$ '* ]]; then
            expected+=${expected:+$'\n'}$line
            continue
        fi
        [ -z "$command" ] || run_shown "$command" "$expected"
        command=${line#'$ '}
        expected=
        count=$((count + 1))
    done 4< <(console_lines)
    run_shown "$command" "$expected"
    [ "$count" -ge 10 ]
}

@test "after the last block the tree is gone" {
    [ ! -e "$TREE" ]
}
