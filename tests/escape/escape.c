/*
 * Runs in a container, as root: tries what must be refused to it, or, where it is allowed, shows
 * that the same attempts succeed.
 */
#include "tests/escape/run.h"

#include <argp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 2 };

/* Who the caller is to the volume, and what he may expect. */
static const struct role {
    const char *name;
    struct expectation expectations[KIND_COUNT];
} roles[] = {
    /* attached for reading only, or the volume is read-only */
    {"reader",
     {{EXPECT_REFUSAL, EROFS}, {EXPECT_NOTHING, 0}, {EXPECT_REFUSAL, 0}, {EXPECT_REFUSAL, 0}}},
    /* of a private volume */
    {"stranger",
     {{EXPECT_REFUSAL, EACCES},
      {EXPECT_REFUSAL, EACCES},
      {EXPECT_REFUSAL, 0},
      {EXPECT_REFUSAL, 0}}},
    {"writer", {{EXPECT_DONE, 0}, {EXPECT_DONE, 0}, {EXPECT_REFUSAL, 0}, {EXPECT_REFUSAL, 0}}},
    /* in a plain directory, which nothing protects */
    {"anyone", {{EXPECT_DONE, 0}, {EXPECT_DONE, 0}, {EXPECT_DONE, 0}, {EXPECT_DONE, 0}}},
};

struct options {
    struct run run;
    const struct role *role;
    const char *own, *tree, *wait, *bind;
    bool make, race;
};

enum {
    KEY_AS = 'a',
    KEY_SEED = 's',
    KEY_ATTEMPTS = 'n',
    KEY_FAMILY = 'f',
    KEY_OWN = 'o',
    KEY_TREE = 't',
    KEY_OUTSIDE = 'x',
    KEY_OUTSIDE_TREE = 'y',
    KEY_DEVICE = 'd',
    KEY_GROUP = 'g',
    KEY_WAIT = 'w',
    KEY_JOIN = 'j',
    KEY_BIND = 'b',
    KEY_MAKE = 'm',
    KEY_RACE = 'r'
};

static const struct argp_option options_known[] = {
    {"as", KEY_AS, "ROLE", 0, "reader, stranger, writer, or anyone", 0},
    {"attempts", KEY_ATTEMPTS, "N", 0, "at least so many (default: each by each route once)", 0},
    {"seed", KEY_SEED, "N", 0, "the order of attempts", 0},
    {"family", KEY_FAMILY, "NAME", 0, "only routes of this family", 0},
    {"own", KEY_OWN, "DIR", 0, "a volume that is writable", 0},
    {"tree", KEY_TREE, "DIR/V/W", 0, "a mount that has both volumes, and their names in it", 0},
    {"outside", KEY_OUTSIDE, "NAME", 0, "a name that is not to be found", 0},
    {"outside-tree", KEY_OUTSIDE_TREE, "NAME", 0, "the same, also by way of --tree", 0},
    {"device", KEY_DEVICE, "MAJOR:MINOR", 0, "the disk of the store", 0},
    {"group", KEY_GROUP, "NAME", 0, "another container's control group", 0},
    {"join", KEY_JOIN, "PATH", 0, "leave the own groups, also for those of another container", 0},
    {"wait", KEY_WAIT, "FILE", 0, "make FILE.held when descriptors are open, and wait for FILE", 0},
    {"bind", KEY_BIND, "DIR", 0, "bind the directory there first, and try it there", 0},
    {"make", KEY_MAKE, 0, 0, "only make what is attempted on", 0},
    {"race", KEY_RACE, 0, 0, "swap names of it until killed", 0},
    {0},
};

static const struct role *role_find(const char *name)
{
    for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
        if (strcmp(roles[i].name, name) == 0)
            return &roles[i];
    return NULL;
}

static error_t parse_text(int key, char *text, struct options *options)
{
    switch (key) {
    case KEY_OWN:
        options->own = text;
        return 0;
    case KEY_TREE:
        options->tree = text;
        return 0;
    case KEY_OUTSIDE:
        options->run.place.outside = text;
        return 0;
    case KEY_OUTSIDE_TREE:
        options->run.place.outside_tree = text;
        return 0;
    case KEY_DEVICE:
        options->run.place.device = text;
        return 0;
    case KEY_GROUP:
        options->run.place.group = text;
        return 0;
    case KEY_JOIN:
        options->run.place.joins = text;
        return 0;
    case KEY_WAIT:
        options->wait = text;
        return 0;
    case KEY_BIND:
        options->bind = text;
        return 0;
    case KEY_FAMILY:
        options->run.family = text;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case KEY_AS:
        options->role = role_find(text);
        if (!options->role)
            argp_error(state, "there is no role \"%s\"", text);
        return 0;
    case KEY_ATTEMPTS:
        options->run.attempts = strtoull(text, NULL, 10);
        return 0;
    case KEY_SEED:
        options->run.seed = strtoull(text, NULL, 10);
        return 0;
    case KEY_MAKE:
        options->make = true;
        return 0;
    case KEY_RACE:
        options->race = true;
        return 0;
    case ARGP_KEY_ARG:
        options->run.place.volume = text;
        return state->arg_num == 0 ? 0 : ARGP_ERR_UNKNOWN;
    case ARGP_KEY_END:
        if (!options->run.place.volume || (!options->role && !options->make && !options->race))
            argp_usage(state);
        return 0;
    default:
        return parse_text(key, text, options);
    }
}

static int open_directory(const char *path)
{
    int fd = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

    if (path && fd < 0) {
        fprintf(stderr, "escape: cannot open %s: %s\n", path, strerror(errno));
        exit(EXIT_FAILURE);
    }
    return fd;
}

/* "DIR/VOLUME/OWN" */
static void place_open_tree(struct options *options)
{
    static char text[PROC_PATH_MAX];
    char *own, *volume;

    options->run.place.tree = -1;
    if (!options->tree)
        return;
    snprintf(text, sizeof(text), "%s", options->tree);
    own = strrchr(text, '/');
    *own = 0;
    volume = strrchr(text, '/');
    *volume = 0;
    options->run.place.tree_own = own + 1;
    options->run.place.tree_volume = volume + 1;
    options->run.place.tree = open_directory(text);
}

/* Tells that descriptors are open, and waits until the file is there. */
static void wait_for(const char *file)
{
    char path[PROC_PATH_MAX];

    snprintf(path, sizeof(path), "%s.held", file);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    while (access(file, F_OK) < 0)
        usleep(20000);
}

/* Descriptors that are held from before the rules, if it is told to wait. */
static void place_open(struct options *options)
{
    struct place *place = &options->run.place;

    place->held = open_directory(place->volume);
    place->held_inner = openat(place->held, "inner", O_PATH | O_DIRECTORY | O_CLOEXEC);
    place->own = open_directory(options->own);
    place_open_tree(options);
    if (options->wait)
        wait_for(options->wait);
    if (options->bind) {
        if (mount(place->volume, options->bind, NULL, MS_BIND, NULL) < 0)
            fprintf(stderr, "escape: cannot bind %s: %s\n", place->volume, strerror(errno));
        else
            place->volume = options->bind;
    }
}

static int run_workers(struct options *options)
{
    int workers = options->run.restores ? 1 : WORKERS;

    fflush(NULL);
    for (int i = 0; i < workers; i++) {
        if (fork() == 0) {
            options->run.seed += (uint64_t)i;
            run_attempts(&options->run);
            fflush(NULL);
            _exit(0);
        }
    }
    while (wait(NULL) > 0 || errno == EINTR)
        ;
    return run_report(&options->run) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_role(struct options *options)
{
    const struct role *role = options->role;
    int r;

    memcpy(options->run.expectations, role->expectations, sizeof(role->expectations));
    options->run.restores = role->expectations[KIND_CHANGE].what == EXPECT_DONE;
    place_open(options);
    r = mount_writable(options->run.place.volume);
    if (r < 0 && r != -EINVAL) { /* that: it is no mount point */
        fprintf(stderr, "escape: cannot mount %s writable: %s\n", options->run.place.volume,
                strerror(-r));
        return EXIT_FAILURE;
    }
    if (!run_prepare())
        return EXIT_FAILURE;
    return run_workers(options);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        options_known, parse, "DIRECTORY", "Attempts to break the rules of a volume.",
        NULL,          NULL,  NULL};
    struct options options = {.run.seed = 1,
                              .run.place.outside = "no-such-name",
                              .run.place.outside_tree = "no-such-name"};
    int dir, r;

    umask(0);
    signal(SIGPIPE, SIG_IGN);
    if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0)
        return EXIT_FAILURE;
    if (!options.make && !options.race)
        return run_role(&options);
    dir = open_directory(options.run.place.volume);
    if (options.race)
        fixture_race(dir, options.run.place.outside);
    r = fixture_make(dir);
    if (r < 0)
        fprintf(stderr, "escape: cannot make the files: %s\n", strerror(-r));
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
