#!/usr/bin/env bats
# volctl against a real daemon: every command, filter and exit status, and what its files then say.

bats_require_minimum_version 1.5.0
load lib

setup() {
    set -o pipefail # jq -e takes no input at all for true
    require_mounts
    work_make
    daemon_start
}

# run, with stderr apart in $stderr
volctl_run() {
    run --separate-stderr volctl "$@"
}

# volctl_refuses STATUS TEXT ARGUMENT…
volctl_refuses() {
    local status_wanted=$1 text=$2

    shift 2
    volctl_run "$@"
    [ "$status" -eq "$status_wanted" ] || {
        echo "status $status: $output $stderr"
        return 1
    }
    [[ $stderr == volctl* && $stderr == *"$text"* ]] || {
        echo "stderr: $stderr"
        return 1
    }
}

# The names on one line. Where ls fails the output is none that a test expects, not even nothing.
names() {
    local list

    list=$(volctl ls -q "$@") || {
        echo "volctl ls failed with status $?"
        return 1
    }
    paste -sd' ' <<<"$list"
}

@test "create prints the name only, and the tree has it" {
    volctl_run create web
    [ "$status" -eq 0 ]
    [ "$output" = web ]
    [ -z "$stderr" ]
    [ -d "$TREE/web" ]
}

@test "create without a name makes an anonymous volume" {
    name=$(volctl create)
    [[ $name =~ ^[0-9a-f]{64}$ ]]
    [ -d "$TREE/$name" ]
    [ "$(volctl inspect "$name" | jq -r '.[0].Kind')" = anonymous ]
}

@test "create takes owner, mode, labels and read-only" {
    volctl create --uid 1234 --gid 2345 --mode 0751 --label a=b --label c web
    [ "$(stat -c '%u %g %a' "$TREE/web")" = '1234 2345 751' ]
    [ "$(volctl inspect web | jq -c '.[0].Labels')" = '{"a":"b","c":""}' ]
    volctl create --read-only frozen
    fails touch "$TREE/frozen/f"
    [[ $output == *'Read-only file system'* ]]
}

@test "create again with the same options is no error" {
    volctl create -d local web
    [ "$(volctl create web)" = web ]
}

@test "create refuses bad names, drivers and options" {
    volctl_refuses 1 'includes invalid characters for a local volume name' create a/b
    volctl_refuses 1 'nonesuch' create -d nonesuch web
    volctl_refuses 1 'colour' create -o colour=red web
    volctl_refuses 2 'has no key' create -o =x web
    volctl_refuses 2 'is no octal mode' create --mode 9 web
    volctl_refuses 2 'is no number' create --uid me web
    [ -z "$(names)" ]
}

@test "ls shows a table for people, names for -q and JSON for programs" {
    volctl create web
    volctl create db
    volctl_run ls; printf "%s\n" "$output"
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == NAME*DRIVER*KIND*ACCESS*CREATED*REFS*'USED BY'* ]]
    [[ ${lines[1]} == db* ]]
    [[ ${lines[2]} == web* ]]
    [ "$(names)" = 'db web' ]
    [ "$(volctl ls --format json | jq -r 'map(.Name) | join(" ")')" = 'db web' ]
}

# on_terminal COLUMNS COMMAND…: what it prints on a terminal so wide.
on_terminal() {
    LC_ALL=C.UTF-8 timeout 60 script -qec "stty cols $1; $(printf '%q ' "${@:2}")" /dev/null | tr -d '\r'
}

@test "ls on a narrow terminal shortens anonymous names, and marks what it cuts" {
    name=$(volctl create)
    for box in 1 2 3 4; do
        volctl attach "container-$box" "$name:/data"
    done
    on_terminal 80 "$VOLCTL" ls | grep -E "^${name:0:12}… .* 4 container-1, [^…]*…$"
    on_terminal 250 "$VOLCTL" ls | grep -E "^$name .* container-1, .*, container-4$"
    [ "$(on_terminal 80 "$VOLCTL" ls -q)" = "$name" ]
    [ "$(on_terminal 80 "$VOLCTL" ls --format json | jq -r '.[0].Name')" = "$name" ]
    volctl ls | grep -E "^$name .* container-4$"
}

@test "ls of no volumes is a header, an empty list and an empty array" {
    [[ $(volctl ls) == NAME* ]]
    [ "$(volctl ls | wc -l)" -eq 1 ]
    [ -z "$(volctl ls -q)" ]
    [ "$(volctl ls --format json | jq -c .)" = '[]' ]
}

@test "ls names who uses a volume" {
    volctl create web
    volctl attach box web:/data
    volctl ls | grep -E '^web .* 1 box *$'
}

@test "a list that fails is not taken for an empty one here" {
    volctl_refuses 1 "invalid filter 'colour'" ls -q -f colour=red
    fails names -f colour=red
    [ -n "$(names -f colour=red || true)" ]
}

@test "filters: dangling, name, label, driver, kind, readonly" {
    volctl create --label env=test --label team web
    volctl create --label env=live --read-only webdb
    volctl attach box web:/data
    anonymous=$(volctl create)
    [ "$(names -f dangling=false)" = web ]
    [ "$(names -f dangling=true -f kind=named)" = webdb ]
    [ "$(names -f name=web)" = 'web webdb' ]
    [ "$(names -f 'name=^web$')" = web ]
    [ "$(names -f name=webdb -f 'name=^web$')" = 'web webdb' ]
    [ "$(names -f label=team)" = web ]
    [ "$(names -f label=env=live)" = webdb ]
    [ "$(names -f label=env=test -f label=team)" = web ]
    [ -z "$(names -f label=env=live -f label=team)" ]
    [ "$(names -f kind=anonymous)" = "$anonymous" ]
    [ "$(names -f readonly=true)" = webdb ]
    [ "$(names -f driver=local | wc -w)" -eq 3 ]
    [ -z "$(names -f driver=other)" ]
    volctl_refuses 1 "invalid filter 'colour'" ls -f colour=red
    volctl_refuses 1 "invalid filter 'dangling=[maybe]'" ls -f dangling=maybe
    volctl_refuses 2 "bad format of filter 'dangling'" ls -f dangling
}

@test "inspect gives Docker's fields and ours" {
    volctl create --label a=b web
    volctl inspect web >"$WORK/out"
    jq -e '.[0] | .Name == "web" and .Driver == "local" and .Scope == "local" and .Labels.a == "b"
        and .Kind == "named" and .ReadOnly == false and .RefCount == 0 and .Refs == []
        and (.Id | test("^[0-9a-f]{32}$")) and (.UsageData.Size >= 0)' "$WORK/out"
    [ "$(jq -r '.[0].Mountpoint' "$WORK/out")" = "$TREE/web" ]
    jq -r '.[0].CreatedAt' "$WORK/out" | grep -E '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T'
}

@test "inspect prints those found and fails for the others" {
    volctl create web
    volctl_run inspect missing web
    [ "$status" -eq 1 ]
    [ "$(jq -r 'map(.Name) | join(" ")' <<<"$output")" = web ]
    [[ $stderr == volctl:*missing*'no such volume'* ]]
    volctl_run inspect missing
    [ "$status" -eq 1 ]
    [ "$(jq -c . <<<"$output")" = '[]' ]
}

@test "set readonly takes effect at once, on and off" {
    volctl create web
    touch "$TREE/web/f"
    volctl set web readonly=on
    fails touch "$TREE/web/f"
    fails rm "$TREE/web/f"
    [ "$(volctl inspect web | jq '.[0].ReadOnly')" = true ]
    volctl set web readonly=off
    touch "$TREE/web/g"
    volctl_refuses 2 'neither on nor off' set web readonly=maybe
    volctl_refuses 1 'missing' set missing readonly=on
}

@test "rename moves the directory, and refuses what is taken, missing or used" {
    volctl create a
    echo kept >"$TREE/a/f"
    volctl rename a b
    [ ! -e "$TREE/a" ]
    [ "$(cat "$TREE/b/f")" = kept ]
    volctl create c
    volctl_refuses 1 'rename b: volume "c" exists, and a rename never replaces one' rename b c
    [ "$(cat "$TREE/b/f")" = kept ]
    volctl_refuses 1 missing rename missing d
    volctl attach box b:/data
    volctl_refuses 1 box rename b d
    [ "$(names)" = 'b c' ]
}

@test "rm removes, names what it removed, and goes on after a failure" {
    volctl create a
    volctl create b
    volctl_run rm a missing b
    [ "$status" -eq 1 ]
    [ "$output" = $'a\nb' ]
    [[ $stderr == volctl:*missing*'no such volume'* ]]
    [ -z "$(names)" ]
}

@test "rm -f forgives a missing volume, not one in use" {
    volctl rm -f missing
    volctl create web
    volctl attach box web:/data
    volctl_refuses 1 'volume "web" is in use by box:/data' rm web
    volctl_refuses 1 'volume "web" is in use by box:/data' rm -f web
    [ -d "$TREE/web" ]
    volctl detach box
    volctl rm web
}

@test "prune removes anonymous volumes that nothing refers to" {
    volctl create named
    unused=$(volctl create)
    used=$(volctl create)
    volctl attach box "$used:/data"
    [[ $(volctl prune --dry-run) == 'Would delete volumes:'*"$unused"*'Total reclaimable space:'* ]]
    [ -d "$TREE/$unused" ]
    volctl_run prune -f
    [ "$status" -eq 0 ]
    [[ $output == 'Deleted Volumes:'*"$unused"*'Total reclaimed space:'* ]]
    [ ! -e "$TREE/$unused" ]
    [ -d "$TREE/$used" ]
    [ -d "$TREE/named" ]
}

@test "prune -a takes named ones, and --filter chooses" {
    volctl create --label keep a
    volctl create b
    volctl prune -a -f --filter 'label!=keep'
    [ "$(names)" = a ]
    volctl prune -a -f --filter label=other
    [ "$(names)" = a ]
    [ "$(volctl prune -a -f --format json | jq -r '.VolumesDeleted[0].Name')" = a ]
    [ -z "$(names)" ]
}

# A trigger of an administrator's keeps one volume from being removed.
@test "prune goes on past a volume that cannot be removed, and tells both" {
    for name in a b c; do
        volctl create "$name"
    done
    sqlite3 "$STORE/catalog.db" "CREATE TRIGGER keep BEFORE INSERT ON tombstones WHEN new.name = 'b'
        BEGIN SELECT RAISE(ABORT, 'planted'); END"
    volctl_run prune -a -f
    [ "$status" -eq 1 ]
    [[ $output == $'Deleted Volumes:\na\nc\n'* ]]
    [[ $stderr == 'volctl: volume "b" cannot be removed:'*planted* ]]
    [ "$(names)" = b ]
    # the tombstones of the others may be on their way out
    sqlite3 -cmd '.timeout 10000' "$STORE/catalog.db" 'DROP TRIGGER keep'
    volctl prune -a -f
    [ -z "$(names)" ]
}

@test "prune takes a volume whose data cannot be counted" {
    volctl create a
    volctl create b
    rm -r "$STORE/volumes/$(volctl inspect a | jq -r '.[0].Id')"
    volctl prune -a -f
    [ -z "$(names)" ]
}

@test "prune asks, and no answer is a no" {
    name=$(volctl create)
    run --separate-stderr volctl prune </dev/null
    [ "$status" -eq 1 ]
    [[ $stderr == 'WARNING!'*'[y/N]'*'prune has been cancelled'* ]]
    [ -d "$TREE/$name" ]
    echo y | volctl prune
    [ ! -e "$TREE/$name" ]
}

@test "refs says who, where and how" {
    volctl create web
    volctl attach box web:/data:ro
    volctl attach box2 web:/d:z
    volctl_run refs web
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == CONTAINER*DESTINATION*MODE*LABEL* ]]
    [[ ${lines[1]} =~ ^box\ +/data\ +ro ]]
    [[ ${lines[2]} =~ ^box2\ +/d\ +rw\ +shared ]]
    [ "$(volctl refs web --format json | jq -c '[.RefCount, .Refs[0].Container, .Refs[0].Sources]')" = '[2,"box",["recorded"]]' ]
    [ "$(volume_attribute "$TREE/web" refcount)" = 2 ]
    volctl_refuses 1 missing refs missing
}

@test "df counts what is written" {
    volctl create web
    dd if=/dev/zero of="$TREE/web/f" bs=1M count=3 status=none
    sync
    volctl df | grep -E '^web +3\.0 MiB'
    volctl df | grep -F "Store $STORE:"
    [ "$(volctl df --format json | jq '.Volumes[0].Size >= 3145728')" = true ]
    [ "$(volctl df --format json | jq '.Store.Available > 0')" = true ]
}

@test "attach makes volumes and records how they are mounted" {
    mkdir "$WORK/host"
    volctl_run attach box web:/data:ro,z /anonymous "$WORK/host:/host" \
        --mount 'type=volume,src=db,"dst=/a,b",readonly,volume-label=x=y'
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == DESTINATION*TYPE*SOURCE*ACCESS*MODE* ]]
    [ "$(volctl inspect web | jq -r '.[0].Label')" = shared ]
    [ "$(volctl inspect db | jq -r '.[0].Labels.x')" = y ]
    [ "$(volctl refs db --format json | jq -r '.Refs[0] | .Destination + " " + .Mode')" = '/a,b ro' ]
    [ "$(names -f kind=anonymous | wc -w)" -eq 1 ]
}

@test "attach takes a host path relative to where one is, as docker run -v" {
    mkdir "$WORK/here"
    cd "$WORK"
    [ "$(volctl attach box ./here:/x --format json | jq -r '.Mounts[] | select(.Destination == "/x").Source')" = "$WORK/here" ]
}

@test "attach takes a relative host path in --mount too" {
    mkdir "$WORK/here"
    cd "$WORK/here"
    volctl attach box --mount type=bind,src=.,dst=/x --mount type=bind,source=../here,dst=/y \
        --format json >"$WORK/out"
    [ "$(jq -r '[.Mounts[].Source] | unique[]' "$WORK/out")" = "$WORK/here" ]
}

@test "attach refuses with Docker's texts, and records nothing" {
    volctl_refuses 1 "invalid mode: sw" attach box web:/a:sw
    volctl_refuses 1 "destination can't be '/'" attach box web:/
    volctl_refuses 1 "'data' mount path must be absolute" attach box web:data
    volctl_refuses 1 "empty section between colons" attach box web::ro
    volctl_refuses 1 "too many colons" attach box web:/a:ro:z
    volctl_refuses 1 "field BindOptions must not be specified" attach box web:/a:shared
    volctl_refuses 1 "Duplicate mount point: /a" attach box web:/a db:/a/
    volctl_refuses 1 "unknown option 'bogus' in 'bogus=1'" attach box --mount dst=/a,bogus=1
    volctl_refuses 1 "cannot mix 'bind-*' options with mount type 'volume'" attach box --mount src=web,dst=/a,bind-propagation=shared
    volctl_refuses 1 "source path does not exist: $WORK/missing" attach box --mount "type=bind,src=$WORK/missing,dst=/a"
    volctl_refuses 2 "which volume?" attach box
    [ -z "$(names)" ]
}

@test "a private volume is refused to a second container, which names the first" {
    volctl attach box web:/data:Z
    volctl_refuses 1 box attach other web:/data
    volctl detach box
    volctl attach other web:/data:Z
}

@test "an attach that fails leaves no volume, and none in anybody's cache" {
    local looking

    volctl create v
    volctl attach owner v:/data:Z
    (while :; do stat "$TREE/fresh" >/dev/null 2>&1 || true; done 3>&-) &
    looking=$!
    for _ in 1 2 3 4 5 6 7 8; do
        volctl_refuses 1 'private to owner' attach other fresh:/a v:/b:Z
        [ ! -e "$TREE/fresh" ]
    done
    kill "$looking"
    wait "$looking" || true
    volctl create fresh
    touch "$TREE/fresh/f"
}

@test "a bind of a volume's path counts, whatever name leads there" {
    volctl create web
    ln -s "$TREE" "$WORK/alias"
    mkdir "$WORK/bound"
    mount --bind "$TREE/web" "$WORK/bound"
    volctl attach one "$WORK/alias/web:/a"
    volctl attach two "$WORK/bound:/b"
    volctl attach three "$TREE/.volumefs/by-id/$(volume_attribute "$TREE/web" id):/c"
    umount "$WORK/bound"
    [ "$(volctl refs web --format json | jq -r '[.Refs[].Container] | join(" ")')" = 'one three two' ]
    volctl_refuses 1 'whole tree' attach four "$WORK/alias:/d"
    volctl_refuses 1 'no path of a volume' attach four "$TREE/.volumefs/status:/d"
    [ "$(volume_attribute "$TREE/web" refcount)" = 3 ]
}

@test "a part of a volume must be there" {
    volctl create web
    mkdir "$TREE/web/sub"
    ln -s / "$TREE/web/out"
    volctl attach one --mount type=volume,src=web,dst=/a,volume-subpath=sub
    volctl attach one "$TREE/web/sub:/b"
    volctl_refuses 1 'subpath none' attach one --mount type=volume,src=web,dst=/c,volume-subpath=none
    volctl_refuses 1 'subpath out/etc' attach one --mount type=volume,src=web,dst=/c,volume-subpath=out/etc
    volctl_refuses 1 'does not exist' attach one --mount "type=bind,src=$TREE/web/none,dst=/c"
    volctl_refuses 1 'mkdir -p' attach one "$TREE/web/none:/c"
    [ "$(volctl refs web --format json | jq '.Refs | length')" -eq 2 ]
}

# One container by its name and by its id: neither sees the other half done.
@test "attach and detach of one container at once, by name and by id" {
    local id

    volctl create v
    for _ in $(seq 40); do
        volctl attach rc v:/old >/dev/null
        id=$(sqlite3 "$STORE/catalog.db" "SELECT id FROM containers WHERE name = 'rc'")
        volctl detach "$id" 3>&- &
        volctl attach rc v:/new >"$WORK/attached"
        grep -q /new "$WORK/attached" || grep -q DESTINATION "$WORK/attached"
        wait $!
        # the detach came first or last: nothing is left of /old, and no container without any
        [ "$(sqlite3 "$STORE/catalog.db" "SELECT count(*) FROM attachments WHERE destination = '/old'")" = 0 ]
        [ -z "$(sqlite3 "$STORE/catalog.db" 'SELECT id FROM containers
            EXCEPT SELECT container_id FROM attachments')" ]
        volctl detach rc 2>/dev/null || true
    done
}

@test "a short word is no container's id, to detach as to attach" {
    volctl create v
    volctl attach cafe0123cafe0123cafe0123cafe0123cafe0123cafe0123cafe0123cafe0123 v:/a
    volctl_refuses 1 'No such container: cafe' detach cafe
    volctl detach cafe0123cafe
    [ "$(volume_attribute "$TREE/v" refcount)" = 0 ]
}

@test "an empty name makes nothing" {
    volctl_refuses 2 'the name is empty' create ''
    [ -z "$(names)" ]
}

@test "detach forgets one or all" {
    volctl attach box web:/a db:/b cache:/c
    volctl detach box /a /b
    [ "$(names -f dangling=true)" = 'db web' ]
    volctl_refuses 1 /a detach box /a
    volctl detach box
    [ "$(names -f dangling=true)" = 'cache db web' ]
    volctl_refuses 1 missing detach missing
}

@test "doctor finds nothing wrong with what is whole" {
    volctl create web
    volctl_run doctor
    [ "$status" -eq 0 ]
    [ "$output" = 'No problems found.' ]
    [ "$(volctl doctor --format json | jq -c .Problems)" = '[]' ]
}

@test "a row that cannot be read is named by lists and by doctor, with what to do" {
    local row='the row of volumes with the key '

    volctl create web
    sqlite3 "$STORE/catalog.db" "UPDATE volumes SET owner = printf('%070d', 0)"
    volctl_refuses 1 "$row" ls
    volctl_refuses 1 'doctor --rebuild --store ' ls
    volctl_refuses 1 "$row" df
    volctl_run doctor
    [ "$status" -eq 1 ]
    [[ $output == *"$row"* ]]
    volctl_run doctor --format json
    [ "$(jq -r '.Problems[] | select(.Subject == "catalog").Next' <<<"$output")" = \
        "stop the daemon and run: volctl doctor --rebuild --store $STORE" ]
}

@test "doctor --rebuild makes a lost catalog anew, with the daemon down" {
    volctl create --label a=b web
    echo kept >"$TREE/web/f"
    daemon_stop
    rm "$STORE"/catalog.db*
    volctl_refuses 1 "$SOCKET" doctor --rebuild # whose store only that daemon knows
    [[ $stderr == *'--store DIR'* ]]
    volctl_run doctor --rebuild --store "$STORE"
    [ "$status" -eq 1 ] # what containers referred to, nobody knows
    [[ $output == *'1 volume recovered, with 0 containers and 0 attachments' ]]
    [[ $stderr == *'attach containers again before you prune'* ]]
    daemon_start
    [ "$(volctl inspect web | jq -r '.[0].Labels.a')" = b ]
    [ "$(cat "$TREE/web/f")" = kept ]
}

@test "version tells client and daemon, and passthrough with its reason" {
    volctl_run version
    [ "$status" -eq 0 ]
    [[ $output == Client:*version*Daemon:*libfuse*kernel*passthrough*o[nf]* ]]
    volctl version --format json | jq -e '.Client.Version == .Daemon.Version and (.Daemon.Pid > 0)
        and (.Daemon.Passthrough or (.Daemon.PassthroughReason | length > 0))'
}

@test "without a daemon each command says which socket, and how to start one" {
    daemon_stop
    for command in 'create web' ls 'inspect web' 'set web readonly=on' 'rename a b' 'rm web' \
        'prune -f' 'refs web' df 'attach box web:/a' 'detach box' doctor version; do
        # shellcheck disable=SC2086 # the words of a command
        volctl_refuses 1 "$SOCKET" $command
        [[ $stderr == *'is the daemon running? start it with: systemctl start volumefs, or volumefs /mnt/volumes'* ]]
    done
    volctl_run version
    [[ $output == Client:*version* ]]
}

@test "--socket wins over the environment, before and after the command" {
    volctl create web
    VOLUMEFS_SOCKET=/nonexistent volctl --socket "$SOCKET" ls -q
    VOLUMEFS_SOCKET=/nonexistent volctl ls -q --socket "$SOCKET"
    volctl_refuses 1 /nonexistent --socket /nonexistent ls
}

@test "help, usage and version need no daemon; a wrong use is status 2" {
    daemon_stop
    volctl --help | grep -E '^  create '
    volctl help rm | grep -F 'Usage: volctl rm'
    volctl --version | grep -E '^volctl [0-9]'
    for command in create ls inspect refs df set rename rm prune attach detach doctor version; do
        volctl "$command" --help | grep -F "Usage: volctl $command"
        volctl "$command" --usage | grep -F "Usage: volctl $command"
        volctl_refuses 2 --frobnicate "$command" --frobnicate
    done
    volctl_refuses 2 'which command?'
    volctl_refuses 2 "there is no command 'frobnicate'" frobnicate
    volctl_refuses 2 'an argument is missing' rm
}

@test "every command speaks JSON" {
    volctl create web --format json | jq -e '.Name == "web" and .Kind == "named"'
    volctl set web readonly=on --format json | jq -e '.ReadOnly'
    volctl rename web db --format json | jq -e '.Name == "db"'
    volctl attach box db:/d --format json | jq -e '.Mounts | length == 1'
    volctl refs db --format json | jq -e '.RefCount == 1'
    volctl detach box /d --format json | jq -e '.Destinations == ["/d"]'
    volctl inspect db --format json | jq -e '.[0].Name == "db"'
    volctl inspect db --format table | grep -E '^ReadOnly +true'
    volctl ls --format json | jq -e 'length == 1'
    volctl df --format json | jq -e '.Volumes | length == 1'
    volctl rm db --format json | jq -e '.[0].Name == "db"'
    volctl prune -f --format json | jq -e '.VolumesDeleted == [] and .Errors == []'
    volctl doctor --format json | jq -e '.Problems == []'
    volctl version --format json | jq -e '.Client.Version'
    for command in create ls inspect refs df set rename rm prune attach detach doctor version; do
        volctl "$command" --help | grep -F -e '--format=table|json'
    done
}

@test "an output that cannot be written is an error" {
    # shellcheck disable=SC2016 # the inner shell expands it
    run --separate-stderr bash -c '"$0" ls >/dev/full' "$VOLCTL"
    [ "$status" -eq 1 ]
    [[ $stderr == *'cannot write to the standard output'* ]]
}
