#!/usr/bin/env bats
# SELinux contexts of volumes where SELinux is off: kept and shown, and nothing is asked. Where it
# enforces: tests/selinux.

load lib

CONTEXT=system_u:object_r:container_file_t:s0:c1,c2

setup() {
    require_mounts
    if [ -e /sys/fs/selinux/enforce ]; then
        skip 'SELinux is on here: the kernel answers by itself'
    fi
    work_make
    daemon_start
}

@test "a context that was asked for is shown, by both names, and outlives the daemon" {
    volctl create -o "selinux-context=$CONTEXT" web
    [ "$(volume_attribute "$TREE/web" context)" = "$CONTEXT" ]
    echo text >"$TREE/web/file"
    [ "$(getfattr --absolute-names --only-values -n security.selinux "$TREE/web/file" | tr '\0' '|')" = "$CONTEXT|" ]
    volctl inspect web | grep -F "\"Context\": \"$CONTEXT\""
    daemon_stop
    daemon_start
    [ "$(volume_attribute "$TREE/web" context)" = "$CONTEXT" ]
    volctl attach box -v web:/data:Z
    [ "$(volume_attribute "$TREE/web" context)" = "$CONTEXT" ]
}

@test "a volume without one has none, and no label makes one" {
    mkdir "$TREE/web"
    volctl attach box -v web:/data:Z
    fails volume_attribute "$TREE/web" context
    [[ $output == *'No such attribute'* ]]
    fails getfattr --absolute-names -n security.selinux "$TREE/web"
    [[ $output == *'No such attribute'* ]]
}

@test "what is no context is refused, naming the option" {
    local bad

    for bad in nonsense a:b: ':b:c:s0' "a:b:c c:s0" "$(printf 'u:r:%300s' '' | tr ' ' t)"; do
        fails volctl create -o "selinux-context=$bad" web
        [[ $output == *'invalid option: "selinux-context"'*'user:role:type:level'* ]]
    done
    [ ! -e "$TREE/web" ]
}

@test "relabelling is not supported, also of a read-only volume; other attributes are" {
    mkdir "$TREE/web"
    echo text >"$TREE/web/file"
    fails setfattr -n security.selinux -v "$CONTEXT" "$TREE/web/file"
    [[ $output == *'Operation not supported'* ]]
    fails setfattr -x security.selinux "$TREE/web/file"
    [[ $output == *'Operation not supported'* ]]
    setfattr -n security.other -v x "$TREE/web/file"
    volume_set_readonly "$TREE/web" 1
    fails setfattr -n security.selinux -v "$CONTEXT" "$TREE/web/file"
    [[ $output == *'Operation not supported'* ]]
}

@test "what the file system behind has is not shown" {
    local id

    mkdir "$TREE/web"
    echo text >"$TREE/web/file"
    id=$(volume_attribute "$TREE/web" id)
    setfattr -n security.selinux -v "$CONTEXT" "$STORE/volumes/$id/data/file"
    setfattr -n security.other -v x "$TREE/web/file"
    run getfattr --absolute-names -m - "$TREE/web/file"
    [[ $output == *security.other* ]]
    [[ $output != *security.selinux* ]]
    fails getfattr --absolute-names -n security.selinux "$TREE/web/file"
}

@test "a tree cannot be labelled, and the daemon says so" {
    daemon_stop
    fails "$VOLUMEFS" --store "$STORE" --socket "$SOCKET" --plugin-socket none \
        --selinux-context "$CONTEXT" "$TREE"
    [[ $output == *'SELinux'*'--selinux-context'* ]]
    fails "$VOLUMEFS" --store "$STORE" --socket "$SOCKET" --plugin-socket none \
        -o "noatime,context=\"$CONTEXT\"" "$TREE"
    [[ $output == *"'$CONTEXT'"* ]]
    mounts_below "$TREE" | (! grep .)
}
