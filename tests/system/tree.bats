#!/usr/bin/env bats
# shellcheck disable=SC2012,SC2016 # names here are plain
# The tree: its root lists volumes and is managed by standard tools; attributes, views, df, and
# copies that are equal.

load lib
load container

setup() {
    require_mounts
    work_make
    daemon_start
}

# As somebody without privileges. The way to the tree must be open to them.
as_user() {
    chmod 755 "$WORK"
    setpriv --reuid=12345 --regid=12345 --clear-groups "$@"
}

refcount_is() {
    [ "$(volume_attribute "$TREE/$1" refcount)" = "$2" ]
}

attribute_names() {
    getfattr --absolute-names -d -m - "$1" | sed -n 's/^\([^#=]*\)=.*/\1/p'
}

@test "mkdir makes a volume with the mode and owner of the caller" {
    mkdir "$TREE/v"
    mkdir -m 2750 "$TREE/w"
    (umask 027 && mkdir "$TREE/masked")
    [ "$(stat -c '%a %u %g' "$TREE/v")" = '755 0 0' ]
    [ "$(stat -c %a "$TREE/w")" = 2750 ]
    [ "$(stat -c %a "$TREE/masked")" = 750 ]
    [ "$(volume_attribute "$TREE/v" kind)" = named ]
    [ "$(volume_attribute "$TREE/v" name)" = v ]
    chmod 1777 "$TREE/v"
    chown 12345:23456 "$TREE/v"
    [ "$(stat -c '%a %u %g' "$TREE/v")" = '1777 12345 23456' ]
    fails mkdir "$TREE/v"
    [[ $output == *'File exists'* ]]
    [ "$(ls "$TREE")" = $'masked\nv\nw' ]
}

@test "owner and mode of a volume survive a restart" {
    mkdir -m 1770 "$TREE/v"
    chown 12:34 "$TREE/v"
    echo data >"$TREE/v/f"
    daemon_stop
    daemon_start
    [ "$(stat -c '%a %u %g' "$TREE/v")" = '1770 12 34' ]
    [ "$(cat "$TREE/v/f")" = data ]
}

@test "only root makes volumes: the root directory is root's" {
    [ "$(stat -c '%a %u %g' "$TREE")" = '755 0 0' ]
    mkdir "$TREE/v"
    fails as_user mkdir "$TREE/w"
    [[ $output == *'Permission denied'* ]]
    fails as_user rmdir "$TREE/v"
    [[ $output == *'Permission denied'* ]]
    fails as_user mv "$TREE/v" "$TREE/w"
    as_user ls "$TREE"
    fails as_user touch "$TREE/v/f"
    chmod 1777 "$TREE/v"
    as_user touch "$TREE/v/f"
    [ "$(stat -c %u "$TREE/v/f")" = 12345 ]
}

@test "rmdir removes an empty volume, and refuses one with files" {
    mkdir "$TREE/v"
    touch "$TREE/v/f"
    fails rmdir "$TREE/v"
    [[ $output == *'Directory not empty'* ]]
    [ -e "$TREE/v/f" ]
    rm "$TREE/v/f"
    rmdir "$TREE/v"
    [ ! -e "$TREE/v" ]
    fails rmdir "$TREE/v"
    [[ $output == *'No such file'* ]]
    mkdir "$TREE/v" # the name is free again, and the volume another
    [ -z "$(ls -A "$TREE/v")" ]
}

@test "a volume that a container uses can be neither removed nor renamed" {
    mkdir "$TREE/v"
    container_start v sleep 60
    fails rmdir "$TREE/v"
    [[ $output == *busy* ]]
    fails mv "$TREE/v" "$TREE/w"
    [[ $output == *busy* ]]
    refcount_is v 1
    [[ $(volume_attribute "$TREE/v" refs) == *:/data* ]]
    [ ! -e "$TREE/.volumefs/dangling/v" ]
    container_stop
    eventually 10 refcount_is v 0
    [ -e "$TREE/.volumefs/dangling/v" ]
    mv "$TREE/v" "$TREE/w"
    rmdir "$TREE/w"
}

@test "mv renames a volume and never replaces one" {
    local id

    mkdir "$TREE/v" "$TREE/other"
    echo data >"$TREE/v/f"
    id=$(volume_attribute "$TREE/v" id)
    mv "$TREE/v" "$TREE/w"
    [ ! -e "$TREE/v" ]
    [ "$(cat "$TREE/w/f")" = data ]
    [ "$(volume_attribute "$TREE/w" id)" = "$id" ]
    [ "$(volume_attribute "$TREE/w" name)" = w ]
    fails mv -T "$TREE/w" "$TREE/other"
    [[ $output == *'File exists'* ]]
    [ "$(cat "$TREE/w/f")" = data ]
    fails mv -T "$TREE/w" "$TREE/-bad"
    # A volume is not moved into another, nor a directory out of one.
    mkdir "$TREE/w/dir"
    run python3 -c 'import os, sys
try: os.rename(sys.argv[1], sys.argv[2])
except OSError as e: print(os.strerror(e.errno))' "$TREE/w/dir" "$TREE/dir"
    [[ $output == *cross-device* ]]
    daemon_stop
    daemon_start
    [ "$(volume_attribute "$TREE/w" id)" = "$id" ]
}

@test "an exchange of volumes is refused" {
    mkdir "$TREE/a" "$TREE/b"
    touch "$TREE/a/in-a"
    run python3 -c 'import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
r = libc.renameat2(-100, sys.argv[1].encode(), -100, sys.argv[2].encode(), 2)
print(r, ctypes.get_errno())' "$TREE/a" "$TREE/b"
    [[ $output == '-1 '* ]]
    [ -e "$TREE/a/in-a" ]
}

@test "files, links and devices cannot be made in the root" {
    mkdir "$TREE/v"
    touch "$TREE/v/f"
    fails touch "$TREE/file"
    [[ $output == *'not permitted'* ]]
    fails ln -s target "$TREE/link"
    [[ $output == *'not permitted'* ]]
    fails mknod "$TREE/null" c 1 3
    [[ $output == *'not permitted'* ]]
    fails mkfifo "$TREE/fifo"
    [[ $output == *'not permitted'* ]]
    fails ln "$TREE/v/f" "$TREE/hard"
    [ "$(ls -A "$TREE")" = v ]
}

@test "rename and link across volumes answer EXDEV, and mv copies" {
    mkdir "$TREE/a" "$TREE/b"
    echo data >"$TREE/a/f"
    fails ln "$TREE/a/f" "$TREE/b/f"
    [[ $output == *cross-device* ]]
    run python3 -c 'import os, sys
try: os.rename(sys.argv[1], sys.argv[2])
except OSError as e: print(os.strerror(e.errno))' "$TREE/a/f" "$TREE/b/f"
    [[ $output == *cross-device* ]]
    mv "$TREE/a/f" "$TREE/b/f"
    [ "$(cat "$TREE/b/f")" = data ]
    [ ! -e "$TREE/a/f" ]
}

@test "rm -r removes volumes with what is in them" {
    mkdir "$TREE/v" "$TREE/keep"
    mkdir -p "$TREE/v/a/b/c"
    touch "$TREE/v/a/f" "$TREE/v/a/b/c/g"
    ln -s / "$TREE/v/a/root"
    rm -r "$TREE/v"
    [ ! -e "$TREE/v" ]
    [ -d "$TREE/keep" ]
    [ -d /usr ]
}

@test "names that are no volume names are refused, each with its errno" {
    local name long

    for name in 'with space' '-dash' '.dot' $'new\nline' 'sla:sh' 'ünicode' '_under' $'\033[31m' 'a*b'; do
        fails mkdir -- "$TREE/$name" || { echo "name: $name"; return 1; }
        [[ $output == *'Invalid argument'* ]] || { echo "$name: $output"; return 1; }
    done
    long=$(printf 'x%.0s' {1..256})
    fails mkdir "$TREE/$long"
    [[ $output == *'name too long'* ]]
    mkdir "$TREE/${long:0:255}" "$TREE/a" "$TREE/A.b_c-9" "$TREE/0"
    [ -d "$TREE/${long:0:255}" ]
    rmdir "$TREE/${long:0:255}"
    [ ! -e "$TREE/with space" ]
    [ "$(find "$TREE" -mindepth 1 -maxdepth 1 | wc -l)" -eq 3 ]
}

@test ".volumefs is not listed, and shows volumes by view" {
    local id

    mkdir "$TREE/v" "$TREE/used"
    id=$(volume_attribute "$TREE/v" id)
    [ "$(ls -A "$TREE")" = $'used\nv' ]
    [ "$(find "$TREE" -name '.volumefs')" = '' ]
    [ "$(ls "$TREE/.volumefs" | sort | tr '\n' ' ')" = 'by-container by-id dangling status ' ]
    echo data >"$TREE/v/f"
    [ "$(cat "$TREE/.volumefs/by-id/$id/f")" = data ]
    [ "$(cat "$TREE/.volumefs/dangling/v/f")" = data ]
    [ "$(realpath "$TREE/.volumefs/by-id/$id")" = "$TREE/v" ]
    grep -q "^pid: *$DAEMON_PID\$" "$TREE/.volumefs/status"
    grep -q '^volumes: *2$' "$TREE/.volumefs/status"
    fails touch "$TREE/.volumefs/f"
    fails mkdir "$TREE/.volumefs/dangling/x"
    fails rm "$TREE/.volumefs/by-id/$id"
    fails rmdir "$TREE/.volumefs"
    fails mv "$TREE/.volumefs" "$TREE/shown"
    fails mkdir "$TREE/.volumefs"
    fails cat "$TREE/.volumefs/none"
    mv "$TREE/v" "$TREE/w"
    [ "$(cat "$TREE/.volumefs/dangling/w/f")" = data ]
    [ ! -e "$TREE/.volumefs/dangling/v" ]
}

@test "the attributes of a volume tell about it" {
    local name

    mkdir "$TREE/v"
    for name in id name kind driver refcount created mountpoint; do
        volume_attribute "$TREE/v" "$name" >/dev/null || { echo "$name"; return 1; }
        attribute_names "$TREE/v" | grep -qx "user.volume.$name" || { echo "$name unlisted"; return 1; }
    done
    [[ $(volume_attribute "$TREE/v" id) =~ ^[0-9a-f]{32}$ ]]
    [ "$(volume_attribute "$TREE/v" driver)" = local ]
    [ "$(volume_attribute "$TREE/v" refcount)" = 0 ]
    [ "$(volume_attribute "$TREE/v" readonly)" = 0 ]
    [ "$(volume_attribute "$TREE/v" label)" = none ]
    [ "$(volume_attribute "$TREE/v" mountpoint)" = "$TREE/v" ]
    fails volume_attribute "$TREE/v" nonsense
    mkdir "$TREE/v/sub"
    [ -z "$(attribute_names "$TREE/v/sub")" ]
    fails volume_attribute "$TREE/v/sub" id
}

# The first thread of a process may end before the others: it has no namespaces to look at then.
@test "a container whose process has lost its first thread still counts" {
    mkdir "$TREE/v"
    container_start v python3 -c 'import ctypes, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).pthread_exit(None)'
    eventually 10 test ! -r "/proc/$CONTAINER_PID/ns/mnt" -o "$(sed "s/.*) //; s/ .*//" "/proc/$CONTAINER_PID/stat")" = Z
    refcount_is v 1
    fails volctl rm v
    container_stop
    eventually 10 refcount_is v 0
}

# What a volume shows can be set nowhere, but for the rule: that must not travel with a copy.
@test "a copy of a read-only volume is not read-only" {
    mkdir "$TREE/v"
    echo text >"$TREE/v/f"
    setfattr -n user.note -v mine "$TREE/v"
    volume_set_readonly "$TREE/v" 1
    cp -a "$TREE/v" "$TREE/w"
    [ "$(volume_attribute "$TREE/w" readonly)" = 0 ]
    [ "$(getfattr --absolute-names --only-values -n user.note "$TREE/w")" = mine ]
    mkdir "$TREE/x"
    rsync -aHAX --filter='-x user.volume.*' "$TREE/v/" "$TREE/x/"
    [ "$(cat "$TREE/x/f")" = text ]
    mkdir "$TREE/y"
    tar -C "$TREE/v" --xattrs --acls -cf - . |
        tar -C "$TREE/y" --xattrs --xattrs-exclude='user.volume.*' --acls -xpf - 2>"$WORK/said"
    [ ! -s "$WORK/said" ]
    touch "$TREE/w/f" "$TREE/x/f" "$TREE/y/f"
}

@test "who refers to a volume is an empty text where nobody does" {
    mkdir "$TREE/v"
    [ "$(volume_attribute "$TREE/v" refs)" = '' ]
    fails grep -x user.volume.refs <(attribute_names "$TREE/v")
}

@test "trusted attributes are for the host alone" {
    mkdir "$TREE/v"
    touch "$TREE/v/f"
    setfattr -n trusted.secret -v text "$TREE/v/f"
    [ "$(getfattr --absolute-names --only-values -n trusted.secret "$TREE/v/f")" = text ]
    fails container_run v getfattr -n trusted.secret /data/f
    [[ $output == *'No such attribute'* ]]
    fails container_run v setfattr -n trusted.secret -v other /data/f
    fails container_run v setfattr -x trusted.secret /data/f
    [ -z "$(container_run v getfattr -d -m - /data/f)" ]
}

@test "a whiteout belongs to who made it" {
    mkdir -m 1777 "$TREE/v"
    python3 - "$TREE/v" <<'PYTHON'
import ctypes, os, sys
os.chdir(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
def as_user(uid, action):
    pid = os.fork()
    if pid == 0:
        os.setgid(uid)
        os.setuid(uid)
        action()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
def make(*names):
    for name in names:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
def whiteout(name): # renameat2 with RENAME_WHITEOUT
    assert libc.syscall(316, -100, name.encode(), -100, b"moved-" + name.encode(), 4) == 0
for i in range(10):
    as_user(2000, lambda: make(f"m{i}"))
    as_user(1000, lambda: make(*(f"x{i}-{k}" for k in range(4))))
    as_user(2000, lambda: whiteout(f"m{i}"))
    assert os.lstat(f"m{i}").st_uid == 2000, i
PYTHON
}

@test "of a volume's attributes only rules can be set, by an administrator" {
    local name

    mkdir "$TREE/v"
    for name in id name kind driver refcount refs created lastused size mountpoint invented; do
        fails setfattr -n "user.volume.$name" -v x "$TREE/v"
        [[ $output == *'not supported'* ]] || { echo "$name: $output"; return 1; }
    done
    # Nothing changes, and rsync -X, which removes what the source has not, is content.
    setfattr -x user.volume.id "$TREE/v"
    setfattr -x user.volume.readonly "$TREE/v"
    [ -n "$(volume_attribute "$TREE/v" id)" ]
    [ "$(volume_attribute "$TREE/v" readonly)" = 0 ]
    fails setfattr -n user.volume.readonly -v perhaps "$TREE/v"
    [[ $output == *'Invalid argument'* ]]
    chown 12345 "$TREE/v" # owning the directory does not make an administrator
    fails as_user setfattr -n user.volume.readonly -v 1 "$TREE/v"
    [[ $output == *'not permitted'* || $output == *'denied'* ]]
    setfattr -n user.volume.readonly -v 1 "$TREE/v"
    [ "$(volume_attribute "$TREE/v" readonly)" = 1 ]
    setfattr -n user.volume.readonly -v 0 "$TREE/v"
    [ "$(volume_attribute "$TREE/v" readonly)" = 0 ]
}

@test "ordinary attributes of a volume pass through" {
    mkdir "$TREE/v"
    setfattr -n user.note -v text "$TREE/v"
    setfattr -n user.volumetric -v text "$TREE/v"
    [ "$(getfattr --absolute-names --only-values -n user.note "$TREE/v")" = text ]
    attribute_names "$TREE/v" | grep -qx user.note
    attribute_names "$TREE/v" | grep -qx user.volumetric
    setfacl -m u:12345:rwx "$TREE/v"
    getfacl -cn --absolute-names "$TREE/v" | grep -qx 'user:12345:rwx'
    setfattr -x user.note "$TREE/v"
    fails getfattr --absolute-names -n user.note "$TREE/v"
}

@test "in a container the attributes are not listed, and are read by name" {
    local listed

    mkdir "$TREE/v"
    setfattr -n user.note -v text "$TREE/v"
    listed=$(container_run v getfattr --absolute-names -d -m - /data)
    [[ $listed == *user.note* ]]
    [[ $listed != *user.volume.* ]]
    [ "$(container_run v getfattr --absolute-names --only-values -n user.volume.name /data)" = v ]
    attribute_names "$TREE/v" | grep -qx user.volume.name # the host goes on seeing them
    container_run v tar -C /data --xattrs --xattrs-include='*' -cf /tmp/backup.tar .
    fails grep -aq 'user\.volume\.' "$WORK/croot/tmp/backup.tar"
    grep -aq 'user\.note' "$WORK/croot/tmp/backup.tar"
}

@test "a container may not set the rules of a volume" {
    mkdir "$TREE/v"
    fails container_run v setfattr -n user.volume.readonly -v 1 /data
    [ "$(volume_attribute "$TREE/v" readonly)" = 0 ]
}

@test "df answers for the volume, du for what it holds" {
    local used

    mkdir "$TREE/a" "$TREE/b"
    dd if=/dev/urandom of="$TREE/a/f" bs=1M count=8 status=none
    sync -f "$TREE/a/f"
    used=$(df --output=used -B1 "$TREE/a" | tail -n 1)
    [ "$used" -ge $((8 << 20)) ]
    [ "$used" -lt $((9 << 20)) ]
    used=$(df --output=used -B1 "$TREE/b" | tail -n 1)
    [ "$used" -lt $((1 << 20)) ]
    [ "$(df --output=avail -B1 "$TREE/a" | tail -n 1)" -gt 0 ]
    [ "$(df --output=iused "$TREE/a" | tail -n 1)" -ge 1 ]
    used=$(du -sB1 "$TREE/a" | cut -f1)
    [ "$used" -ge $((8 << 20)) ]
    [ "$used" -lt $((9 << 20)) ]
    rm "$TREE/a/f"
    used=$(df --output=used -B1 "$TREE/a" | tail -n 1)
    [ "$used" -lt $((1 << 20)) ]
    df "$TREE" >/dev/null
}

@test "no two files share device and inode, and find -xdev sees all" {
    local v i

    for v in a b c; do
        mkdir "$TREE/$v"
        for i in 1 2 3 4 5; do
            mkdir "$TREE/$v/d$i"
            touch "$TREE/$v/d$i/f"
        done
    done
    [ "$(find "$TREE" -printf '%D:%i\n' | sort | uniq -d | wc -l)" -eq 0 ]
    [ "$(find "$TREE" -xdev | wc -l)" -eq 34 ]
    [ "$(find "$TREE" -printf '%D\n' | sort -u | wc -l)" -eq 1 ]
    find "$TREE" -printf '%i %p\n' | sort >"$WORK/before"
    echo 2 >/proc/sys/vm/drop_caches # what the kernel has forgotten keeps its number
    find "$TREE" -printf '%i %p\n' | sort | diff "$WORK/before" -
}

# A tree with one of everything.
make_specimen() {
    mkdir -p "$1/dir/sub" "$1/empty"
    echo text >"$1/dir/file"
    ln "$1/dir/file" "$1/dir/sub/hard"
    ln -s ../dir/file "$1/dir/soft"
    ln -s /nowhere "$1/dangling"
    mkfifo -m 640 "$1/fifo"
    mknod "$1/null" c 1 3
    truncate -s 3M "$1/sparse"
    printf end | dd of="$1/sparse" bs=1 seek=2M conv=notrunc status=none
    install -m 4755 /bin/true "$1/setuid"
    chown 12345:23456 "$1/dir/file"
    chown -h 77:88 "$1/dir/soft"
    chmod 2770 "$1/dir/sub"
    chmod 1777 "$1/empty"
    setfattr -n user.note -v 'some text' "$1/dir/file"
    setfattr -n user.bin -v 0x00ff00 "$1/dir"
    setfacl -m u:12345:rw,g:23456:r "$1/dir/file"
    setfacl -d -m u:12345:rwx "$1/dir/sub"
    printf 'odd' >"$1/$(printf 'odd\n\377 name')"
    touch -d '2001-02-03 04:05:06.789' "$1/dir/file" "$1/dir/sub" "$1/empty"
}

same_content() {
    "$VOLUMEFS_BUILD/tests/system/posix/posix_compare" "$1" "$2"
    [ "$(du -sk "$1/sparse" | cut -f1)" -lt 200 ]
    [ "$(du -sk "$2/sparse" | cut -f1)" -lt 200 ]
}

same_trees() {
    same_content "$1" "$2"
    diff <(cd "$1" && find . -mindepth 1 ! -type l -printf '%p %T@\n' | sort) \
        <(cd "$2" && find . -mindepth 1 ! -type l -printf '%p %T@\n' | sort)
}

@test "tar, cp and rsync carry everything into a volume and out of it" {
    local native=$WORK/native

    mkdir "$native" "$WORK/out-tar" "$WORK/out-cp" "$TREE/tar" "$TREE/cp" "$TREE/made"
    make_specimen "$native"
    make_specimen "$TREE/made" # made in place it is the same
    "$VOLUMEFS_BUILD/tests/system/posix/posix_compare" "$native" "$TREE/made"
    tar -C "$native" --xattrs --xattrs-include='*' --acls -S -cf - . |
        tar -C "$TREE/tar" --xattrs --xattrs-include='*' --acls -xpf -
    same_trees "$native" "$TREE/tar"
    tar -C "$TREE/tar" --xattrs --xattrs-include='user.note' --xattrs-include='user.bin' --acls -S -cf - . |
        tar -C "$WORK/out-tar" --xattrs --xattrs-include='*' --acls -xpf -
    same_trees "$native" "$WORK/out-tar"
    cp -a --sparse=always "$native/." "$TREE/cp/"
    same_trees "$native" "$TREE/cp"
    # cp carries the root's own attributes too: those a volume shows must not stop it.
    cp -a "$TREE/cp/dir" "$TREE/cp/null" "$TREE/cp/setuid" "$WORK/out-cp/"
    "$VOLUMEFS_BUILD/tests/system/posix/posix_compare" "$native/dir" "$WORK/out-cp/dir"
}

@test "rsync makes equal copies and finds nothing to do again" {
    command -v rsync >/dev/null || skip 'rsync is not installed'
    local native=$WORK/native

    # Times of special files rsync does not carry over anywhere; what it compares it finds equal.
    mkdir "$native" "$WORK/out" "$TREE/v"
    make_specimen "$native"
    rsync -aHAXS --numeric-ids "$native/" "$TREE/v/"
    same_content "$native" "$TREE/v"
    [ -z "$(rsync -aHAS --numeric-ids -in "$native/" "$TREE/v/")" ]
    rsync -aHAXS --numeric-ids --filter='-x user.volume.*' "$TREE/v/" "$WORK/out/"
    same_content "$native" "$WORK/out"
}
