/* What a runtime is given for a container: the parts that a container's record and the host decide.
 */
#include "catalog/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "tools/volctl/bundle.h"
#include "tools/volctl/call.h"

#include <stdbool.h>
#include <string.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct bundle_host host = {
    .cgroup_mount = true, .cgroup_namespace = true, .mqueue = true, .rows = 33, .columns = 77};
static const struct user root = {.groups = {0}, .group_count = 1, .home = "/root"};

static json_t *json(const char *text)
{
    json_error_t why;
    json_t *value = json_loads(text, 0, &why);

    if (!value)
        fail_msg("%s: %s", why.text, text);
    return value;
}

/* The configuration of {Id, Rootfs, Process, Mounts}; owned by the caller. */
static json_t *config_of(const char *process, const char *mounts, const char *sources,
                         const struct user *user, const struct bundle_host *of)
{
    _cleanup_(json_decref_p) json_t *container =
        json_pack("{s:s, s:s, s:o, s:o}", "Id", ID, "Rootfs", "/srv/root", "Process", json(process),
                  "Mounts", json(mounts));
    _cleanup_(json_decref_p) json_t *instead = json(sources);
    struct bundle bundle = {.container = container,
                            .sources = instead,
                            .user = user,
                            .host = of,
                            .hook = {"/hook", "/directory"}};
    struct error e = {0};
    json_t *config = NULL;

    if (bundle_config(&bundle, &config, &e))
        fail_msg("%s", e.text);
    return config;
}

static json_t *usual(const char *mounts, const char *sources)
{
    return config_of("{\"Args\":[\"true\"]}", mounts, sources, &root, &host);
}

/* The value at a path of keys and indexes as JSON. */
static void check(json_t *config, const char *path, const char *want)
{
    _cleanup_(free_p) char *copy = strdup(path), *got = NULL;
    char *rest = copy, *key;
    json_t *at = config;

    while ((key = strsep(&rest, ".")))
        at = json_is_array(at) ? json_array_get(at, strtoul(key, NULL, 10))
                               : json_object_get(at, key);
    got = at ? json_dumps(at, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("absent");
    if (strcmp(got, want) != 0)
        fail_msg("%s is %s, not %s", path, got, want);
}

/* "destination destination …" */
static void check_order(const json_t *config, const char *want)
{
    char got[1024] = "";
    const json_t *mount;
    size_t i;

    json_array_foreach(json_object_get(config, "mounts"), i, mount)
    {
        strcat(got, i ? " " : "");
        strcat(got, field_text(mount, "destination"));
    }
    assert_string_equal(got, want);
}

static json_t *mount_at(const json_t *config, const char *destination)
{
    json_t *mount;
    size_t i;

    json_array_foreach(json_object_get(config, "mounts"), i, mount)
    {
        if (strcmp(field_text(mount, "destination"), destination) == 0)
            return mount;
    }
    fail_msg("nothing at %s", destination);
    return NULL;
}

static void test_defaults(void **state)
{
    _cleanup_(json_decref_p) json_t *config = usual("[]", "[]");

    (void)state;
    check(config, "ociVersion", "\"1.0.2\"");
    check(config, "root", "{\"path\":\"/srv/root\",\"readonly\":false}");
    check(config, "hostname", "\"0123456789ab\"");
    check(config, "process.args", "[\"true\"]");
    check(config, "process.cwd", "\"/\"");
    check(config, "process.terminal", "false");
    check(config, "process.consoleSize", "absent");
    check(config, "process.noNewPrivileges", "false");
    check(config, "process.rlimits", "absent");
    check(config, "process.env",
          "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\","
          "\"HOSTNAME=0123456789ab\",\"HOME=/root\"]");
    check(config, "process.user", "{\"uid\":0,\"gid\":0,\"additionalGids\":[0]}");
    check(config, "linux.cgroupsPath", "\"/volumefs/" ID "\"");
    check(config, "linux.resources", "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}");
    check(config, "linux.namespaces.1.type", "\"network\"");
    check(config, "linux.namespaces.5.type", "\"cgroup\"");
    check(config, "linux.maskedPaths.3", "\"/proc/kcore\"");
    check(config, "linux.readonlyPaths.3", "\"/proc/sys\"");
    check(config, "hooks",
          "{\"createRuntime\":[{\"path\":\"/hook\",\"args\":[\"/hook\",\"/directory\"]}]}");
    check_order(config, "/proc /dev /dev/pts /dev/shm /dev/mqueue /sys /sys/fs/cgroup");
    check(config, "mounts.5.options", "[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]");
}

static void test_a_host_without_everything(void **state)
{
    static const struct bundle_host poor = {.rows = 0};
    _cleanup_(json_decref_p) json_t *config =
        config_of("{\"Args\":[\"true\"]}", "[]", "[]", &root, &poor);

    (void)state;
    check_order(config, "/proc /dev /dev/pts /dev/shm /sys");
    check(config, "linux.namespaces.4.type", "\"mount\"");
    check(config, "linux.namespaces.5", "absent");
}

static void test_process(void **state)
{
    static const struct user web = {
        .uid = 33, .gid = 34, .groups = {34, 4}, .group_count = 2, .home = "/var/www"};
    _cleanup_(json_decref_p) json_t *config =
        config_of("{\"Args\":[\"a\",\"b c\"],\"Env\":[\"A=1\",\"HOME=/h\",\"PATH=/p\"],"
                  "\"Cwd\":\"/w\",\"User\":\"web\",\"Terminal\":true,\"Interactive\":true,"
                  "\"Hostname\":\"db\",\"ReadOnly\":true}",
                  "[]", "[]", &web, &host);

    (void)state;
    check(config, "process.args", "[\"a\",\"b c\"]");
    check(config, "process.env",
          "[\"A=1\",\"HOME=/h\",\"PATH=/p\",\"HOSTNAME=db\",\"TERM=xterm\"]");
    check(config, "process.cwd", "\"/w\"");
    check(config, "process.terminal", "true");
    check(config, "process.consoleSize", "{\"height\":33,\"width\":77}");
    check(config, "process.user", "{\"uid\":33,\"gid\":34,\"additionalGids\":[34,4]}");
    check(config, "hostname", "\"db\"");
    check(config, "root.readonly", "true");
}

/* Who is not root has none, and can get by set-id programs what root has. */
static void test_capabilities(void **state)
{
    static const struct user web = {.uid = 33, .home = "/"};
    _cleanup_(json_decref_p) json_t *of_root = usual("[]", "[]");
    _cleanup_(json_decref_p) json_t *of_web =
        config_of("{\"Args\":[\"true\"]}", "[]", "[]", &web, &host);

    (void)state;
    for (int i = 0; i < 2; i++) {
        json_t *all = json_object_get(
            json_object_get(json_object_get(i ? of_web : of_root, "process"), "capabilities"),
            "bounding");

        assert_int_equal(json_array_size(all), 14);
    }
    check(of_root, "process.capabilities.effective.13", "\"CAP_AUDIT_WRITE\"");
    check(of_root, "process.capabilities.permitted.0", "\"CAP_CHOWN\"");
    check(of_root, "process.capabilities.inheritable", "absent");
    check(of_root, "process.capabilities.ambient", "absent");
    check(of_web, "process.capabilities.effective", "[]");
    check(of_web, "process.capabilities.permitted", "[]");
}

static void test_mounts(void **state)
{
    _cleanup_(json_decref_p) json_t *config = usual(
        "[{\"Type\":\"volume\",\"Name\":\"b\",\"Source\":\"/t/b\",\"Destination\":\"/a/b\","
        "\"RW\":false,\"Propagation\":\"\"},"
        "{\"Type\":\"bind\",\"Name\":\"\",\"Source\":\"/host\",\"Destination\":\"/a/b/c\","
        "\"RW\":true,\"Propagation\":\"rslave\"},"
        "{\"Type\":\"volume\",\"Name\":\"a\",\"Source\":\"/t/a/p\",\"Destination\":\"/a\","
        "\"RW\":true,\"Propagation\":\"\"},"
        "{\"Type\":\"bind\",\"Name\":\"\",\"Source\":\"/f\",\"Destination\":\"/a/f\",\"RW\":false,"
        "\"Propagation\":\"rprivate\"}]",
        "[null,null,\"/pin/0\",null]");

    (void)state;
    check_order(config, "/proc /dev /dev/pts /dev/shm /dev/mqueue /sys /sys/fs/cgroup "
                        "/a /a/b /a/f /a/b/c");
    check(mount_at(config, "/a"), "source", "\"/pin/0\"");
    check(mount_at(config, "/a"), "options",
          "[\"rbind\",\"rprivate\",\"rw\",\"nosuid\",\"nodev\"]");
    check(mount_at(config, "/a/b"), "source", "\"/t/b\"");
    check(mount_at(config, "/a/b"), "options",
          "[\"rbind\",\"rprivate\",\"ro\",\"nosuid\",\"nodev\"]");
    check(mount_at(config, "/a/b/c"), "options", "[\"rbind\",\"rslave\",\"rw\"]");
    check(mount_at(config, "/a/f"), "options", "[\"rbind\",\"rprivate\",\"ro\"]");
    check(mount_at(config, "/a/f"), "type", "\"bind\"");
}

/* A mount can hear of others, or tell of them, only through a rootfs that lets it. */
static void test_propagation_of_the_rootfs(void **state)
{
    static const struct {
        const char *first, *second, *want;
    } rows[] = {{"", "rprivate", "absent"},
                {"rslave", "private", "\"slave\""},
                {"rslave", "rshared", "\"shared\""},
                {"shared", "slave", "\"shared\""}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_(free_p) char *mounts = NULL;
        _cleanup_(json_decref_p) json_t *config = NULL;

        assert_true(asprintf(&mounts,
                             "[{\"Type\":\"bind\",\"Source\":\"/a\",\"Destination\":\"/a\","
                             "\"Propagation\":\"%s\"},{\"Type\":\"bind\",\"Source\":\"/b\","
                             "\"Destination\":\"/b\",\"Propagation\":\"%s\"}]",
                             rows[i].first, rows[i].second) > 0);
        config = usual(mounts, "[]");
        check(config, "linux.rootfsPropagation", rows[i].want);
    }
}

/* What is the runtime's own is not mounted over what the container has there. */
static void test_a_mount_in_place_of_a_default(void **state)
{
    _cleanup_(json_decref_p) json_t *config =
        usual("[{\"Type\":\"volume\",\"Name\":\"shm\",\"Source\":\"/t/shm\","
              "\"Destination\":\"/dev/shm\",\"RW\":true}]",
              "[null]");

    (void)state;
    check_order(config, "/proc /dev /dev/pts /dev/mqueue /sys /sys/fs/cgroup /dev/shm");
    check(mount_at(config, "/dev/shm"), "source", "\"/t/shm\"");
}

static void check_refused(const char *container, const char *text)
{
    _cleanup_(json_decref_p) json_t *value = json(container), *config = NULL;
    struct bundle bundle = {.container = value, .user = &root, .host = &host, .hook = {"", ""}};
    struct error e = {0};

    assert_int_equal(bundle_config(&bundle, &config, &e), ERROR_REQUEST_INVALID);
    if (!strstr(e.text, text))
        fail_msg("%s", e.text);
    assert_null(config);
}

static void test_records_that_cannot_be_run(void **state)
{
    (void)state;
    check_refused("{}", "has no rootfs");
    check_refused("{\"Id\":\"x\",\"Rootfs\":\"\",\"Process\":{\"Args\":[\"a\"]}}", "has no rootfs");
    check_refused("{\"Id\":\"../x\",\"Rootfs\":\"/r\",\"Process\":{\"Args\":[\"a\"]}}", "../x");
    check_refused("{\"Id\":\"x\",\"Rootfs\":\"/r\",\"Process\":null}", "made without a command");
    check_refused("{\"Id\":\"x\",\"Rootfs\":\"/r\",\"Process\":{\"Args\":[]}}",
                  "made without a command");
    check_refused("{\"Id\":\"x\",\"Rootfs\":\"/r\",\"Process\":{\"Args\":[\"a\"]},"
                  "\"Mounts\":[{\"Source\":\"x\",\"Destination\":\"/y\"}]}",
                  "are no paths");
    check_refused("{\"Id\":\"x\",\"Rootfs\":\"/r\",\"Process\":{\"Args\":[\"a\"]},"
                  "\"Mounts\":[7]}",
                  "are no paths");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_a_host_without_everything),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_propagation_of_the_rootfs),
        cmocka_unit_test(test_a_mount_in_place_of_a_default),
        cmocka_unit_test(test_records_that_cannot_be_run),
    };

    return cmocka_run_group_tests_name("volctl_bundle", tests, NULL, NULL);
}
