#!/usr/bin/env bats
# Containers that are recorded: data volume containers, --volumes-from, and what goes with whom.

load lib

setup() {
    require_mounts
    set -o pipefail
    work_make
    daemon_start
}

# refuses TEXT ARGUMENT…: status 1, and the text on standard error.
refuses() {
    local wanted=$1 status=0

    shift
    volctl "$@" >"$WORK/stdout" 2>"$WORK/stderr" || status=$?
    cat "$WORK/stderr"
    [ "$status" -eq 1 ]
    grep -qF -- "$wanted" "$WORK/stderr"
}

# mounts CONTAINER: "name:destination:rw …", sorted
mounts() {
    volctl container inspect "$1" | jq -r '.[0].Mounts | map("\(.Name // .Source):\(.Destination):" +
        (if .RW then "rw" else "ro" end)) | sort | join(" ")'
}

@test "a data volume container holds its volumes until it is removed" {
    local id

    id=$(volctl container create --name dbstore -v dbdata:/dbdata)
    [[ $id =~ ^[0-9a-f]{64}$ ]]
    [ -d "$TREE/dbdata" ]
    refuses 'in use by dbstore:/dbdata' rm dbdata
    [ "$(volctl container ls -q)" = "$id" ]
    [[ $(volctl container ls) == *dbstore*created*volctl*dbdata:/dbdata* ]]
    volctl detach dbstore # it stays: it was made on purpose
    [ "$(volctl container ls -q)" = "$id" ]
    [ "$(volctl container rm dbstore)" = dbstore ]
    volctl rm dbdata
}

@test "inspect tells mounts as Docker does" {
    mkdir "$WORK/host"
    volctl container create --name c -v web:/web:ro -v "$WORK/host:/host" -v /anonymous >/dev/null
    volctl container inspect c | jq -e '.[0] | .Name == "c" and .State == "created" and
        (.Mounts | length) == 3 and
        (.Mounts[] | select(.Destination == "/web") | .Type == "volume" and .Name == "web" and
            .RW == false and (.Source | endswith("/web"))) and
        (.Mounts[] | select(.Destination == "/host") | .Type == "bind" and .RW) and
        (.Mounts[] | select(.Destination == "/anonymous") | .Name | test("^[0-9a-f]{64}$"))'
}

@test "two users of a data volume container, and a chain" {
    volctl container create --name dbstore -v dbdata:/dbdata -v /logs >/dev/null
    volctl container create --name db1 --volumes-from dbstore >/dev/null
    volctl container create --name db2 --volumes-from dbstore:ro >/dev/null
    volctl container create --name db3 --volumes-from db1 >/dev/null
    [ "$(mounts db1)" = "$(mounts dbstore)" ]
    [ "$(mounts db3)" = "$(mounts dbstore)" ]
    [ "$(mounts db2)" = "$(mounts dbstore | sed 's/:rw/:ro/g')" ]
    [ "$(volume_attribute "$TREE/dbdata" refcount)" = 4 ]
    # read-only once, it stays so further down
    volctl container create --name db4 --volumes-from db2 >/dev/null
    [ "$(mounts db4)" = "$(mounts db2)" ]
}

@test "what is given overrides what is taken over, and of two taken the later counts" {
    volctl container create --name one -v a:/data -v b:/more >/dev/null
    volctl container create --name two -v c:/data >/dev/null
    volctl container create --name x --volumes-from one --volumes-from two >/dev/null
    [ "$(mounts x)" = 'b:/more:rw c:/data:rw' ]
    volctl container create --name y --volumes-from one --volumes-from two -v d:/data >/dev/null
    [ "$(mounts y)" = 'b:/more:rw d:/data:rw' ]
    volctl attach z --volumes-from one e:/e >/dev/null
    [ "$(mounts z)" = 'a:/data:rw b:/more:rw e:/e:rw' ]
    refuses 'No such container: none' container create --volumes-from none
    refuses 'invalid mode: nocopy' container create --volumes-from one:nocopy
}

@test "anonymous volumes go with rm -v of the last that has them, named ones never" {
    local anonymous order

    for order in 'store user' 'user store'; do
        volctl container create --name store -v named:/named -v /anonymous >/dev/null
        volctl container create --name user --volumes-from store >/dev/null
        anonymous=$(volctl ls -q -f kind=anonymous)
        [ -d "$TREE/$anonymous" ]
        # shellcheck disable=SC2086 # two words
        set -- $order
        volctl container rm -v "$1" >/dev/null
        [ -d "$TREE/$anonymous" ]
        volctl container rm -v "$2" --format json |
            jq -e --arg name "$anonymous" '.[0].VolumesDeleted == [$name]'
        [ ! -e "$TREE/$anonymous" ]
        [ -d "$TREE/named" ]
    done
    volctl container create --name store -v /anonymous >/dev/null
    volctl container rm store >/dev/null
    [ "$(volctl ls -q -f dangling=true -f kind=anonymous | wc -l)" -eq 1 ]
}

@test "names are unique, and mistakes are told" {
    volctl container create --name c >/dev/null
    refuses 'Conflict. The container name "c" is already in use' container create --name c
    refuses 'Duplicate mount point: /a' container create --name d -v x:/a -v y:/a
    [ ! -e "$TREE/x" ]
    refuses 'No such container: d' container inspect d
    refuses 'No such container: d' container rm d
    fails volctl container
    fails volctl container frobnicate
    [[ $output == *"no command 'frobnicate'"* ]]
    volctl container --help | grep -q create
    [ "$(volctl container ls -q | wc -l)" -eq 1 ]
}

@test "containers and what they refer to survive a crash of the daemon" {
    volctl container create --name dbstore -v dbdata:/dbdata >/dev/null
    volctl container create --name db1 --volumes-from dbstore:ro >/dev/null
    daemon_kill
    daemon_start
    [ "$(mounts db1)" = dbdata:/dbdata:ro ]
    [ "$(volume_attribute "$TREE/dbdata" refcount)" = 2 ]
    refuses 'in use by' rm dbdata
}
