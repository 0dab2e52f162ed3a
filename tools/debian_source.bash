# shellcheck shell=bash disable=SC2154
# What tools/fetch-libfuse and tools/fetch-curl share: a source package of Debian's, put where
# meson.build looks for it. Harmless to run again, and several at once.
#
# Who includes it sets these, and calls source_main "$@":
#   program       its name
#   package       the source package
#   directory     below tools/subprojects
#   suites        of Debian, the first that has it is taken
#   minimum       the least version that will do
#   usage         text
#   have_version  a function: prints the version of the source in its argument, if it is one
#   spare         a function: says why none is needed, or fails

set -euo pipefail

# shellcheck source=tools/debian.bash
source "$root/tools/debian.bash"

subprojects=$root/tools/subprojects
target=$subprojects/$directory
work=

say() {
    printf '%s: %s\n' "$program" "$*"
}

die() {
    say "$@" >&2
    exit 1
}

clean_up() {
    if [ -n "$work" ]; then
        rm -rf "$work"
    fi
}

source_is_good() {
    local have

    have=$(have_version "$target" 2>/dev/null | head -n 1)
    [ -n "$have" ] && dpkg --compare-versions "$have" ge "$minimum"
}

# Prints the newest version that suffices and that the mirror's suite offers; fails if none.
find_version() {
    local mirror=$1 suite=$2 version

    debian_use "$mirror" "$suite" deb-src || return 1
    while read -r version; do
        if dpkg --compare-versions "$version" ge "$minimum"; then
            printf '%s\n' "$version"
            return
        fi
    done < <(debian_cache showsrc --only-source "$package" | sed -n 's/^Version: //p' | sort -rV)
    return 1
}

unpack() {
    local dsc=$1 tarball

    if command -v dpkg-source >/dev/null; then
        (cd "$work" && dpkg-source -x "$dsc" source) >>"$work/log" 2>&1
    else # what Debian changes is left out: it concerns packaging
        tarball=$(find "$work" -maxdepth 1 -name "${package}_*.orig.tar.*" ! -name '*.asc' -print -quit)
        mkdir "$work/source"
        tar -C "$work/source" --strip-components=1 -xf "$tarball"
    fi
}

fetch_once() {
    local mirror suite version

    while read -r mirror; do
        for suite in "${suites[@]}"; do
            version=$(find_version "$mirror" "$suite") || continue
            say "fetching $package $version from this machine's mirror ($suite)"
            (cd "$work" && debian_apt source --download-only --only-source "$package=$version") ||
                continue
            unpack "$(basename "$work"/*.dsc)" && return 0
            rm -rf "$work"/source "$work"/*.dsc
        done
    done < <(debian_mirrors)
    return 1
}

# A rename, so that whoever looks sees all of the source or nothing.
put_in_place() {
    if [ -e "$target" ]; then
        mv -T "$target" "$work/old"
    fi
    mv -T "$work/source" "$target"
}

fetch() {
    local attempt

    debian_keyring >/dev/null ||
        die 'no Debian archive keyring on this machine; run: apt-get install debian-archive-keyring'
    rm -rf "$subprojects"/.fetch.* # of a run that was killed: the lock is ours
    work=$(mktemp -d "$subprojects/.fetch.XXXXXX")
    trap clean_up EXIT
    debian_prepare "$work"
    for attempt in 1 2 3; do
        if fetch_once; then
            put_in_place
            say "$package source is in ${target#"$root"/}"
            return
        fi
        say "attempt $attempt of 3 failed"
        sleep "$attempt"
    done
    tail -n 20 "$work/log" >&2 || true
    die "could not fetch a $package source package >= $minimum; see above for what apt said, then run this again"
}

source_main() {
    local force='' why

    case ${1-} in
    '') ;;
    --force) force=yes ;;
    -h | --help)
        printf '%s\n' "$usage"
        exit 0
        ;;
    *)
        printf '%s\n' "$usage" >&2
        exit 2
        ;;
    esac
    if [ -z "$force" ] && why=$(spare); then
        say "$why"
        return
    fi
    mkdir -p "$subprojects"
    exec 9<"$subprojects"
    flock 9
    if source_is_good; then
        say "$package source is there already"
        return
    fi
    fetch
}
