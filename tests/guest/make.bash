# shellcheck shell=bash disable=SC2154 # who sources this sets $root, $work and $parts
# Guests of Debian's kernel (QEMU, by emulation where there is no KVM): a root file system of
# programs of this machine, which is the initramfs. For the programs `guest` of tests/selinux and
# tests/systemd, which set
#
#   $parts  where tools/fetch-guest has put the kernel (vmlinuz)
#   $work   where the guest is made; $work/results is what its second serial port said, $work/console
#           the first
#   $root   its root
boot_timeout=480 # seconds, for a machine without KVM that does much else

# What is linked goes to the same places.
copy_libraries() {
    local library

    if [ ! -x "$1" ] || ldd "$1" | grep 'not found'; then
        echo "$1 is not there, or its libraries are not" >&2
        return 1
    fi
    # ldd's lines: NAME => PATH (ADDRESS), and the loader's own path
    while read -r library; do
        if [ ! -e "$root$library" ]; then
            mkdir -p "$root$(dirname "$library")"
            cp -L "$library" "$root$library"
        fi
    done < <(ldd "$1" | sed -n 's/^.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p')
}

# copy_program PATH [DIRECTORY]
copy_program() {
    mkdir -p "$root${2:-/bin}"
    cp -L "$1" "$root${2:-/bin}/"
    if ldd "$1" >/dev/null 2>&1; then # what is static is linked with nothing
        copy_libraries "$1"
    fi
}

# A root with busybox and all it can be called.
make_busybox_root() {
    local applet

    mkdir -p "$root"/{bin,dev,etc,mnt,proc,run,sys,tmp,var/lib,root}
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in $("$root/bin/busybox" --list); do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
}

# In place of busybox's own, which are less.
copy_over_busybox() {
    local program

    for program in "$@"; do
        rm -f "$root/bin/$program"
        copy_program "$(command -v "$program")"
    done
}

# install_checks INIT CHECKS
install_checks() {
    install -m 755 "$1" "$root/init"
    install -m 755 "$2" "$root/checks"
    install -m 644 "$(dirname "${BASH_SOURCE[0]}")/check.sh" "$root/check.sh"
}

make_initramfs() {
    (cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/initramfs"
}

can_virtualize() {
    grep -qwE 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ]
}

# boot MEMORY PARAMETERS
boot() {
    local -a machine=(-accel tcg -cpu max)

    if can_virtualize; then
        machine=(-accel kvm -cpu host)
    fi
    timeout -k 5 "$boot_timeout" qemu-system-x86_64 "${machine[@]}" -M pc -smp 2 -m "$1" \
        -nodefaults -no-user-config -display none -no-reboot \
        -serial "file:$work/console" -serial "file:$work/results" \
        -kernel "$parts/vmlinuz" -initrd "$work/initramfs" \
        -append "console=ttyS0 loglevel=4 panic=-1 $2" \
        </dev/null
}
