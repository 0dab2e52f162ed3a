# shellcheck shell=bash
# The rules on the source, as functions of a directory, so that each is tried on a planted
# violation too: a rule that cannot fail is none. Each prints the offending lines and fails.

LINT_DIRECTORY=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$LINT_DIRECTORY/../.." && pwd)
export ROOT
FILE_LINES_MAX=800

# source_files DIRECTORY [GLOB…]: relative names of what is ours, without builds and fetched sources.
source_files() {
    local glob
    local -a names=()

    for glob in "${@:2}"; do
        names+=(${names[0]+-o} -name "$glob")
    done
    (cd "$1" && find . \( -name .git -o -path './build*' -o -path './tools/subprojects' \) -prune -o \
        -type f ${names[0]+\( "${names[@]}" \)} -print) | sed 's,^\./,,' | LC_ALL=C sort
}

# Passes if there is nothing on its input; else prints it under the heading $1.
nothing() {
    local found

    found=$(cat)
    if [ -n "$found" ]; then
        printf '%s\n%s\n' "$1" "$found"
        return 1
    fi
}

# file:line:header for each #include of the kind $2 ('"' or '<').
list_includes() {
    local close='"'

    if [ "$2" = '<' ]; then
        close='>'
    fi
    (cd "$1" && source_files . '*.c' '*.h' |
        xargs -r -d '\n' grep -EHno "^[[:space:]]*#[[:space:]]*include[[:space:]]*$2[^$close]+" |
        sed -E "s/#[[:space:]]*include[[:space:]]*$2//; s/:[[:space:]]+/:/")
}

# Layers: what a folder may include goes down only. The hook calls the daemon by volctl's client.
check_layers() {
    list_includes "$1" '"' | awk -F: '
        function may(file, header, part) {
            split(file, part, "/")
            if (part[1] == "tests") return header ~ /\//
            if (part[1] == "catalog") return header ~ /^catalog\//
            if (part[1] == "fs") return header ~ /^(fs|catalog)\//
            if (part[1] == "tools" && part[2] == "hook" && header == "tools/volctl/client.h") return 1
            if (part[1] == "tools") return header ~ "^(catalog|tools/" part[2] ")/"
            return 0
        }
        !may($1, $3)' | nothing 'includes that go up, or are not written from the root:'
}

# Third-party headers: which files may include which.
check_confinement() {
    list_includes "$1" '<' | awk -F: '
        BEGIN {
            allowed["^sqlite3\\.h$"] = "^catalog/sqlite\\.c$"
            allowed["^fuse"] = "^fs/(session|workers|ops_[a-z_]*|ops|notify|fuse_[a-z_]*)\\.[ch]$"
            allowed["^selinux/"] = "^fs/label_selinux\\.c$"
            allowed["^microhttpd\\.h$"] = "^fs/api/http\\.c$"
            allowed["^jansson\\.h$"] = "^(catalog/record(_adoption)?|fs/api/(codec|json)[a-z_]*|fs/engine/codec|tools/volctl/(arguments|bundle|call|environment|hook_socket|launch|options|pin)|tools/hook/(bundle|tell|tell_main))\\.[ch]$"
            allowed["^curl/"] = "^(tools/volctl/client|tools/bench/api_client|fs/engine/http)\\.c$"
            allowed["^archive"] = "^tools/volctl/archive[a-z_]*\\.c$"
            allowed["^libsmartcols"] = "^tools/volctl/(table|show)[a-z_]*\\.c$"
        }
        $1 ~ /^tests\// { next }
        {
            for (header in allowed)
                if ($3 ~ header && $1 !~ allowed[header])
                    print
        }' | nothing 'third-party headers outside the files meant for them:'
}

check_file_sizes() {
    (cd "$1" && source_files . | while IFS= read -r file; do
        if [ "$(wc -l <"$file")" -gt "$FILE_LINES_MAX" ]; then
            wc -l "$file"
        fi
    done) | nothing "files of more than $FILE_LINES_MAX lines; split them by purpose:"
}

# grep_source DIRECTORY REGEX: case as written, all text files.
grep_source() {
    (
        cd "$1" || exit
        source_files . | xargs -r -d '\n' grep -EHnI -- "$2" || true
    )
}

check_unfinished() {
    grep_source "$1" '\b(T[O]DO|F[I]XME|X[X]X|not [i]mplemented)\b' | nothing 'unfinished, by its own words:'
}

check_hosts() {
    {
        grep_source "$1" '[a-z]+://[A-Za-z0-9-]+\.[A-Za-z0-9.-]+'
        grep_source "$1" '\b(deb|ftp|security|snapshot)\.[d]ebian\.org|\b(quay|ghcr)\.[i]o\b|docker\.[i]o/'
    } | nothing 'names of hosts:'
}

check_machine_paths() {
    grep_source "$1" '(^|[^A-Za-z0-9_.$}-])/(wo[r]k|ro[o]t)/' | nothing 'paths of one machine:'
}

check_folders() {
    (cd "$1" && find . -mindepth 1 -maxdepth 1 -type d ! -name '.*' ! -name 'build*' \
        ! -name catalog ! -name fs ! -name tools ! -name tests) | nothing 'top-level folders that are not in the plan:'
}
