# shellcheck shell=bash
# Debian's packages of other suites than this machine's, for tools/fetch-*: from the mirror that the
# machine uses already, verified with Debian's archive keyring. apt works in private directories, so
# the machine's apt configuration and lists stay as they are.
#
#   debian_prepare DIRECTORY   writes $DIRECTORY/apt.conf, and $DIRECTORY/log of what apt says
#   debian_mirrors             the mirrors of this machine, those known to carry Debian first
#   debian_use MIRROR SUITE TYPE   TYPE: deb or deb-src; reads the lists
#   debian_apt COMMAND…        apt-get
#   debian_cache COMMAND…      apt-cache

set -euo pipefail
debian_directory=

debian_keyring() {
    local ring

    for ring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg} /etc/apt/trusted.gpg.d/*.gpg; do
        if [ -s "$ring" ]; then
            printf '%s\n' "$ring"
            return
        fi
    done
    return 1
}

debian_mirrors() {
    # shellcheck disable=SC2016 # the $(…) are apt's
    apt-get indextargets --format '$(REPO_URI) $(LABEL)' 'Created-By: Packages' |
        awk '{ print ($2 == "Debian" ? 0 : 1), $1 }' | sort -u | awk '{ print $2 }'
}

# apt with everything it reads as sources, or writes, below the directory.
debian_prepare() {
    debian_directory=$1
    mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
    cat >"$1/apt.conf" <<END
Dir::Etc::sourcelist "$1/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$1/lists";
Dir::Cache "$1/cache";
APT::Sandbox::User "root";
Acquire::Retries "3";
Acquire::Languages "none";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END
}

debian_apt() {
    apt-get -c "$debian_directory/apt.conf" -q "$@" >>"$debian_directory/log" 2>&1
}

debian_cache() {
    apt-cache -c "$debian_directory/apt.conf" "$@" 2>>"$debian_directory/log"
}

debian_use() {
    local mirror=$1 suite=$2 type=$3 keyring

    keyring=$(debian_keyring) || return 1
    rm -rf "$debian_directory/lists"
    mkdir -p "$debian_directory/lists/partial"
    printf '%s [signed-by=%s] %s %s main\n' "$type" "$keyring" "$mirror" "$suite" \
        >"$debian_directory/sources.list"
    debian_apt update --error-on=any
}
