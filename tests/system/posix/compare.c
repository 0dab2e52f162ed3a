/* compare A B: says where two trees differ (exit status 1), or nothing. For the bats tests. */
#include "tests/system/posix/tree.h"

#include <fcntl.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char what[4500] = "";
    int a, b;

    if (argc != 3) {
        fprintf(stderr, "usage: posix_compare DIRECTORY DIRECTORY\n");
        return 2;
    }
    a = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    b = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (a < 0 || b < 0) {
        perror("posix_compare");
        return 2;
    }
    if (tree_compare(a, b, what, sizeof(what))) {
        printf("%s\n", what);
        return 1;
    }
    return 0;
}
