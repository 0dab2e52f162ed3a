/* The commands about volumes and references, a row each; see volctl_rows.h. */
#include "catalog/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/volctl_rows.h"

#define V_WEB                                                                                      \
    "{\"Name\":\"web\",\"Driver\":\"local\",\"Kind\":\"named\",\"Label\":\"private\","             \
    "\"ReadOnly\":true,\"CreatedAt\":null,\"RefCount\":2}"
#define V_TMP                                                                                      \
    "{\"Name\":\"tmp\",\"Driver\":\"local\",\"Kind\":\"anonymous\",\"Label\":\"none\","            \
    "\"CreatedAt\":null,\"RefCount\":0}"
#define LIST "{\"Volumes\":[" V_TMP "," V_WEB "],\"Warnings\":[\"slow \\u001b[1m\"]}"
#define REFS                                                                                       \
    "{\"Refs\":[{\"Container\":\"db\",\"Destination\":\"/d\",\"Mode\":\"ro\",\"Label\":\"none\","  \
    "\"Running\":true,\"Sources\":[\"recorded\",\"live\"],\"Pid\":7},"                             \
    "{\"Container\":\"db\",\"Destination\":\"/e\",\"Mode\":\"rw\",\"Label\":\"shared\"},"          \
    "{\"Container\":\"we\\u001bb\"}],\"RefCount\":2}"
#define E_DENY                                                                                     \
    "{\"Type\":\"volume\",\"Action\":\"deny\",\"Actor\":{\"ID\":\"web\",\"Attributes\":{"          \
    "\"container\":\"app-1\",\"command\":\"a) \\\"\\u001b,x=\\\\\"}},\"timeNano\":1000000001}\n"
#define E_LOST                                                                                     \
    "{\"Type\":\"volume\",\"Action\":\"lost\",\"Actor\":{\"ID\":\"\",\"Attributes\":{}},"          \
    "\"timeNano\":0,\"Sequence\":3}"
#define NO(text) "{\"message\":\"" text "\",\"code\":\"x\"}"

/* clang-format off */
static const struct row rows[] = {
    {{"create", "web"}, .answers = {{201, V_WEB}},
     .requests = "POST /volumefs/volumes {\"DriverOpts\":{},\"Labels\":{},\"Name\":\"web\"}\n", .out = "web\n"},
    {{"create"}, .answers = {{201, "{\"Name\":\"0123\"}"}},
     .requests = "POST /volumefs/volumes {\"DriverOpts\":{},\"Labels\":{}}\n", .out = "0123\n"},
    {{"create", "-o", "size=1g", "--uid", "7", "--gid=8", "--mode", "0750", "-d", "nfs", "w"}, .answers = {{200, "{\"Name\":\"w\"}"}},
     .requests = "POST /volumefs/volumes {\"DriverOpts\":{\"size\":\"1g\",\"uid\":\"7\",\"gid\":\"8\",\"mode\":\"0750\"},\"Labels\":{},\"Driver\":\"nfs\",\"Name\":\"w\"}\n", .out = "w\n"},
    {{"create", "w", "--label", "a=b", "--label=c", "--read-only"}, .answers = {{201, "{\"Name\":\"w\"}"}},
     .requests = "POST /volumefs/volumes {\"DriverOpts\":{},\"Labels\":{\"a\":\"b\",\"c\":\"\"},\"ReadOnly\":true,\"Name\":\"w\"}\n", .out = "w\n"},
    {{"create", "w"}, .answers = {{409, NO("volume w exists; choose \\u001b[1m another name")}},
     .requests = "POST /volumefs/volumes {\"DriverOpts\":{},\"Labels\":{},\"Name\":\"w\"}\n", .status = 1, .error = "volctl: volume w exists; choose ?[1m another name\n"},
    {{"create", "w", "--format=json"}, .answers = {{201, "{\"Name\":\"w\"}"}},
     .requests = "POST /volumefs/volumes {\"DriverOpts\":{},\"Labels\":{},\"Name\":\"w\"}\n", .out = "{\n    \"Name\": \"w\"\n}\n"},
    {{"create", "a", "b"}, .status = 2, .error = "volctl create: too many arguments\nUsage: volctl create"},
    {{"create", "--label", "=x"}, .status = 2, .error = "volctl create: '=x' has no key"},
    {{"create", "--uid", "root"}, .status = 2, .error = "volctl create: --uid 'root' is no number of a user or group"},
    {{"create", "--mode", "999"}, .status = 2, .error = "--mode '999' is no octal mode up to 7777"},
    {{"create", "\xff"}, .status = 1, .error = "is not UTF-8"},

    {{"ls"}, .answers = {{200, LIST}, {200, REFS}}, .requests = "GET /volumefs/volumes \nGET /volumefs/volumes/web/refs \n",
     .out = "NAME DRIVER KIND      ACCESS     CREATED REFS USED BY\n"
            "tmp  local  anonymous rw         never      0 -\n"
            "web  local  named     ro,private never      2 db, we\\x1bb\n",
     .error = "volctl: slow \\x1b[1m\n"},
    {{"ls", "-q"}, .answers = {{200, LIST}}, .requests = "GET /volumefs/volumes \n", .out = "tmp\nweb\n", .error = "volctl: slow"},
    {{"ls", "--format", "json"}, .answers = {{200, "{\"Volumes\":[{\"Name\":\"a\"}],\"Warnings\":null}"}},
     .requests = "GET /volumefs/volumes \n", .out = "[\n    {\n        \"Name\": \"a\"\n    }\n]\n"},
    {{"ls"}, .answers = {{200, "{\"Volumes\":[]}"}}, .requests = "GET /volumefs/volumes \n", .out = "NAME DRIVER KIND ACCESS CREATED REFS USED BY\n"},
    {{"ls", "-q", "-f", "dangling=true", "--filter=label=a b"}, .answers = {{200, "{}"}},
     .requests = "GET /volumefs/volumes?filters=%7B%22dangling%22%3A%5B%22true%22%5D%2C%22label%22%3A%5B%22a%20b%22%5D%7D \n", .out = ""},
    {{"ls", "-f", "x=y"}, .answers = {{400, NO("invalid filter 'x'")}},
     .requests = "GET /volumefs/volumes?filters=%7B%22x%22%3A%5B%22y%22%5D%7D \n", .status = 1, .error = "volctl: invalid filter 'x'\n"},
    {{"ls", "-f", "dangling"}, .status = 2, .error = "volctl ls: bad format of filter 'dangling' (expected name=value)"},
    {{"ls", "--format", "xml"}, .status = 2, .error = "volctl ls: unknown format 'xml'; write table or json"},
    {{"ls", "web"}, .status = 2, .error = "volctl ls: too many arguments"},
    {{"ls"}, .answers = {{500, "oops"}}, .requests = "GET /volumefs/volumes \n", .status = 1, .error = "volctl: the daemon answered with status 500 and no reason"},
    {{"ls"}, .answers = {{200, "{"}}, .requests = "GET /volumefs/volumes \n", .status = 1, .error = "volctl: the daemon's answer is no JSON"},
    {{"ls"}, .answers = {{200, "[1]"}}, .requests = "GET /volumefs/volumes \n", .out = "NAME DRIVER KIND ACCESS CREATED REFS USED BY\n"},

    {{"events"}, .answers = {{200, E_DENY E_LOST}}, .requests = "GET /volumefs/events \n",
     .out = "1970-01-01T00:00:01.000000001Z volume deny web (container=app-1, command=\"a) \\\"\\x1b,x=\\\\\")\n"
            "1970-01-01T00:00:00.000000000Z volume lost -\n"},
    {{"events", "--format", "json"}, .answers = {{200, E_LOST "\n\n" E_LOST "\n"}}, .requests = "GET /volumefs/events \n", .out = E_LOST "\n" E_LOST "\n"},
    {{"events", "-f", "--since", "1.5", "--filter", "event=deny"}, .answers = {{200, E_LOST}},
     .requests = "GET /volumefs/events?filters=%7B%22event%22%3A%5B%22deny%22%5D%7D&since=1.5&follow=1 \n",
     .status = 1, .out = "~volume lost -\n", .error = "ended\n"},
    {{"events", "--since=40000d"}, .answers = {{200, ""}}, .requests = "GET /volumefs/events?since=1970-01-01T00%3A00%3A00.000000000Z \n", .out = ""},
    {{"events", "-f"}, .answers = {{400, NO("invalid filter 'x'")}}, .requests = "GET /volumefs/events?follow=1 \n", .status = 1, .out = "", .error = "volctl: invalid filter 'x'\n"},
    {{"events"}, .answers = {{200, E_LOST "\n[1\n" E_LOST}}, .requests = "GET /volumefs/events \n", .status = 1, .out = "~volume lost -\n", .error = "volctl: the daemon's answer is no JSON"},
    {{"events"}, .answers = {{200, E_LOST "\n", .announced = 5000}}, .requests = "GET /volumefs/events \n", .status = 1, .out = "~volume lost -\n", .error = "did not answer"},
    {{"events"}, .answers = {{.status = 200, .raw = "HTTP/1.1 200 OK\r\n\r\n", .raw_filler = 2 << 20}}, .requests = "GET /volumefs/events \n", .status = 1, .out = "", .error = "volctl: a line of the daemon's answer is larger than"},
    {{"events", "--format", "table"}, .status = 2, .error = "volctl events: unknown format 'table'; write text or json"},
    {{"events", "web"}, .status = 2, .error = "volctl events: too many arguments"},

    {{"inspect", "a", "b/c"}, .answers = {{200, "{\"Name\":\"a\"}"}, {200, "{}"}},
     .requests = "GET /volumefs/volumes/a \nGET /volumefs/volumes/b%2Fc \n", .out = "[\n    {\n        \"Name\": \"a\"\n    },\n    {}\n]\n"},
    {{"inspect", "x", "a"}, .answers = {{404, NO("get x: no such volume")}, {200, "{}"}},
     .requests = "GET /volumefs/volumes/x \nGET /volumefs/volumes/a \n", .status = 1, .out = "[\n    {}\n]\n", .error = "volctl: get x: no such volume\n"},
    {{"inspect", "x"}, .answers = {{404, NO("get x: no such volume")}},
     .requests = "GET /volumefs/volumes/x \n", .status = 1, .out = "[]\n", .error = "volctl: get x: no such volume\n"},
    {{"inspect", "a", "--format=json"}, .answers = {{200, "{\"Name\":\"a\"}"}},
     .requests = "GET /volumefs/volumes/a \n", .out = "[\n    {\n        \"Name\": \"a\"\n    }\n]\n"},
    {{"inspect", "a", "b", "--format=table"}, .answers = {{200, "{\"Name\":\"a\",\"Labels\":{\"k\":\"v\"},\"Owner\":\"\",\"LastUsedAt\":null,\"ReadOnly\":true,\"Size\":7}"}, {200, "{\"Name\":\"b\\u001b\"}"}},
     .requests = "GET /volumefs/volumes/a \nGET /volumefs/volumes/b \n",
     .out = "FIELD      VALUE\nName       a\nLabels     {\"k\": \"v\"}\nOwner      -\nLastUsedAt -\nReadOnly   true\nSize       7\n\nFIELD VALUE\nName  b\\x1b\n"},
    {{"inspect", ""}, .status = 1, .out = "[]\n", .error = "volctl: a name is empty\n"},
    {{"inspect"}, .status = 2, .error = "volctl inspect: an argument is missing"},

    {{"set", "web", "readonly=on"}, .answers = {{200, "{}"}}, .requests = "PATCH /volumefs/volumes/web {\"ReadOnly\":true}\n", .out = ""},
    {{"set", "web", "readonly=off"}, .answers = {{200, "{}"}}, .requests = "PATCH /volumefs/volumes/web {\"ReadOnly\":false}\n", .out = ""},
    {{"set", "web", "readonly=on", "--format=json"}, .answers = {{200, "{\"ReadOnly\":true}"}}, .requests = "PATCH /volumefs/volumes/web {\"ReadOnly\":true}\n", .out = "{\n    \"ReadOnly\": true\n}\n"},
    {{"set", "web", "label=private"}, .answers = {{200, "{}"}}, .requests = "PATCH /volumefs/volumes/web {\"Label\":\"private\"}\n", .out = ""},
    {{"set", "web", "label=none", "readonly=on"}, .answers = {{200, "{}"}}, .requests = "PATCH /volumefs/volumes/web {\"Label\":\"none\",\"ReadOnly\":true}\n", .out = ""},
    {{"set", "web", "label=private"}, .answers = {{409, NO("in use by db")}}, .requests = "PATCH /volumefs/volumes/web {\"Label\":\"private\"}\n", .status = 1, .error = "volctl: in use by db"},
    {{"set", "web", "label=blue"}, .status = 2, .error = "volctl: 'label=blue' is no access label"},
    {{"set", "web", "readonly=maybe"}, .status = 2, .error = "volctl: 'readonly=maybe' is neither on nor off"},
    {{"set", "web", "colour=red"}, .status = 2, .error = "volctl: 'colour=red' is nothing that can be set"},
    {{"set", "web"}, .status = 2, .error = "an argument is missing"},

    {{"rename", "a", "b"}, .answers = {{200, "{}"}}, .requests = "PATCH /volumefs/volumes/a {\"Name\":\"b\"}\n", .out = ""},
    {{"rename", "a", "b"}, .answers = {{409, NO("in use")}}, .requests = "PATCH /volumefs/volumes/a {\"Name\":\"b\"}\n", .status = 1, .error = "volctl: in use\n"},
    {{"rename", "a", "b", "--format=json"}, .answers = {{200, "{\"Name\":\"b\"}"}}, .requests = "PATCH /volumefs/volumes/a {\"Name\":\"b\"}\n", .out = "{\n    \"Name\": \"b\"\n}\n"},
    {{"rename", "a"}, .status = 2, .error = "an argument is missing"},
    {{"rename", "a", "b", "c"}, .status = 2, .error = "too many arguments"},

    {{"rm", "a", "b", "c"}, .answers = {{204}, {409, NO("remove b: volume is in use - [db]")}, {204}},
     .requests = "DELETE /volumefs/volumes/a \nDELETE /volumefs/volumes/b \nDELETE /volumefs/volumes/c \n",
     .status = 1, .out = "a\nc\n", .error = "volctl: remove b: volume is in use - [db]\n"},
    {{"rm", "--format=json", "a", "b"}, .answers = {{204}, {409, NO("in use")}}, .requests = "DELETE /volumefs/volumes/a \nDELETE /volumefs/volumes/b \n",
     .status = 1, .out = "[\n    {\n        \"Name\": \"a\"\n    }\n]\n", .error = "volctl: in use\n"},
    {{"rm", "-f", "a"}, .answers = {{204}}, .requests = "DELETE /volumefs/volumes/a?force=1 \n", .out = "a\n"},
    {{"rm", "--", "-f"}, .answers = {{404, NO("no such volume")}}, .requests = "DELETE /volumefs/volumes/-f \n", .status = 1, .error = "no such volume"},
    {{"rm"}, .status = 2, .error = "an argument is missing"},

    {{"prune", "-f"}, .answers = {{200, "{\"VolumesDeleted\":[{\"Name\":\"x\",\"Size\":1536}],\"SpaceReclaimed\":1536}"}},
     .requests = "POST /volumefs/volumes/prune {\"All\":false,\"DryRun\":false,\"Filters\":{}}\n",
     .out = "Deleted Volumes:\nx\n\nTotal reclaimed space: 1.5 KiB\n"},
    {{"prune", "-a", "--dry-run", "--filter", "label!=keep"}, .answers = {{200, "{\"VolumesDeleted\":[{\"Name\":\"x\"}],\"SpaceReclaimed\":0}"}},
     .requests = "POST /volumefs/volumes/prune {\"All\":true,\"DryRun\":true,\"Filters\":{\"label!\":[\"keep\"]}}\n",
     .out = "Would delete volumes:\nx\n\nTotal reclaimable space: 0 B\n"},
    {{"prune"}, .input = "y\n", .answers = {{200, "{\"VolumesDeleted\":[],\"SpaceReclaimed\":0}"}},
     .requests = "POST /volumefs/volumes/prune {\"All\":false,\"DryRun\":false,\"Filters\":{}}\n",
     .out = "Total reclaimed space: 0 B\n", .error = "WARNING! This will remove anonymous local volumes not used by at least one container.\nAre you sure you want to continue? [y/N] "},
    {{"prune", "--all"}, .input = "n\n", .status = 1, .out = "", .error = "[y/N] volctl: prune has been cancelled, nothing is removed"},
    {{"prune"}, .input = "", .status = 1, .out = "", .error = "prune has been cancelled"},
    {{"prune", "-f", "--format=json"}, .answers = {{200, "{\"SpaceReclaimed\":0}"}},
     .requests = "POST /volumefs/volumes/prune {\"All\":false,\"DryRun\":false,\"Filters\":{}}\n", .out = "{\n    \"SpaceReclaimed\": 0\n}\n"},

    {{"prune", "-f"}, .answers = {{200, "{\"VolumesDeleted\":[{\"Name\":\"x\",\"Size\":1}],\"SpaceReclaimed\":1,\"Errors\":[\"volume y cannot be removed: \\u001b[1m\"]}"}},
     .requests = "POST /volumefs/volumes/prune {\"All\":false,\"DryRun\":false,\"Filters\":{}}\n", .status = 1,
     .out = "Deleted Volumes:\nx\n\nTotal reclaimed space: 1 B\n", .error = "volctl: volume y cannot be removed: ?[1m\n"},
    {{"prune", "-f", "--format=json"}, .answers = {{200, "{\"Errors\":[\"y stays\"]}"}},
     .requests = "POST /volumefs/volumes/prune {\"All\":false,\"DryRun\":false,\"Filters\":{}}\n", .status = 1,
     .out = "{\n    \"Errors\": [\n        \"y stays\"\n    ]\n}\n", .error = "volctl: y stays\n"},

    {{"refs", "web"}, .answers = {{200, REFS}}, .requests = "GET /volumefs/volumes/web/refs \n",
     .out = "CONTAINER DESTINATION MODE LABEL  STATE       KNOWN BY      PID\n"
            "db        /d          ro   none   running     recorded,live   7\n"
            "db        /e          rw   shared not running -               -\n"
            "we\\x1bb   -           -    -      not running -               -\n"},
    {{"refs", "web", "--format=json"}, .answers = {{200, "{\"Refs\":[],\"RefCount\":0}"}}, .requests = "GET /volumefs/volumes/web/refs \n",
     .out = "{\n    \"Refs\": [],\n    \"RefCount\": 0\n}\n"},
    {{"refs"}, .status = 2, .error = "an argument is missing"},

    {{"df"}, .answers = {{200, "{\"Volumes\":[{\"Name\":\"a\",\"Size\":1048576,\"Inodes\":3,\"SizeLimit\":4194304,\"RefCount\":1},{\"Name\":\"b\",\"Size\":0,\"Inodes\":1,\"SizeLimit\":0,\"RefCount\":0}],\"Store\":{\"Path\":\"/s\",\"Size\":1073741824,\"Used\":1024,\"Available\":1048576}}"}},
     .requests = "GET /volumefs/df \n",
     .out = "NAME    SIZE   LIMIT USE% INODES REFS\n"
            "a    1.0 MiB 4.0 MiB  25%      3    1\n"
            "b        0 B       -    -      1    0\n"
            "\nStore /s: 1.0 KiB of 1.0 GiB used, 1.0 MiB available\n"},
    {{"df"}, .answers = {{200, "{\"Volumes\":[{\"Name\":\"a\",\"Size\":-1,\"Inodes\":-1,\"RefCount\":1}]}"}},
     .requests = "GET /volumefs/df \n", .out = "~NAME SIZE LIMIT USE% INODES REFS\na       -     -    -      -    1\n"},
    {{"df", "--format=json"}, .answers = {{200, "{}"}}, .requests = "GET /volumefs/df \n", .out = "{}\n"},

    {{"attach", "db", "web:/d:ro", "--mount", "type=tmpfs,dst=/t", "-v", "/e"},
     .answers = {{201, "{\"Id\":\"1\",\"Name\":\"db\",\"Mounts\":[{\"Type\":\"volume\",\"Name\":\"web\",\"Source\":\"/m/web\",\"Destination\":\"/d\",\"Mode\":\"ro\",\"RW\":false}]}"}},
     .requests = "POST /volumefs/containers/db/attachments {\"Volumes\":[\"/e\",\"web:/d:ro\"],\"Mounts\":[\"type=tmpfs,dst=/t\"],\"VolumesFrom\":[]}\n",
     .out = "DESTINATION TYPE   SOURCE ACCESS MODE\n/d          volume web    ro     ro\n"},
    {{"attach", "db", "web:/d:shared"}, .answers = {{400, NO("field BindOptions must not be specified")}},
     .requests = "POST /volumefs/containers/db/attachments {\"Volumes\":[\"web:/d:shared\"],\"Mounts\":[],\"VolumesFrom\":[]}\n", .status = 1, .error = "volctl: field BindOptions must not be specified\n"},
    {{"attach", "db", "web"}, .status = 2, .error = "volctl attach: where in the container is 'web' to be? write web:/PATH\n"},
    {{"attach", "db"}, .status = 2, .error = "volctl attach: which volume?"},
    {{"attach"}, .status = 2, .error = "an argument is missing"},

    {{"detach", "db"}, .answers = {{204}}, .requests = "DELETE /volumefs/containers/db/attachments \n", .out = ""},
    {{"detach", "db", "/a b", "/c"}, .answers = {{204}, {404, NO("nothing at /c")}},
     .requests = "DELETE /volumefs/containers/db/attachments?destination=%2Fa%20b \nDELETE /volumefs/containers/db/attachments?destination=%2Fc \n",
     .status = 1, .out = "", .error = "volctl: nothing at /c\n"},

    {{"detach", "db", "--format=json"}, .answers = {{204}}, .requests = "DELETE /volumefs/containers/db/attachments \n",
     .out = "{\n    \"Container\": \"db\",\n    \"All\": true,\n    \"Destinations\": []\n}\n"},
    {{"detach", "db", "/a", "/b", "--format=json"}, .answers = {{204}, {404, NO("no /b")}},
     .requests = "DELETE /volumefs/containers/db/attachments?destination=%2Fa \nDELETE /volumefs/containers/db/attachments?destination=%2Fb \n",
     .status = 1, .out = "{\n    \"Container\": \"db\",\n    \"All\": false,\n    \"Destinations\": [\n        \"/a\"\n    ]\n}\n", .error = "volctl: no /b\n"},

    {{"doctor"}, .answers = {{200, "{\"Problems\":[]}"}}, .requests = "GET /volumefs/doctor \n", .out = "No problems found.\n"},
    {{"doctor"}, .answers = {{200, "{\"Problems\":[{\"Subject\":\"volume a\",\"Text\":\"no data\",\"Next\":\"volctl rm a\"}]}"}},
     .requests = "GET /volumefs/doctor \n", .status = 1, .out = "volume a: no data\n  volctl rm a\n"},
    {{"doctor", "--store", "/x"}, .status = 2, .error = "--store is only for --rebuild"},
    {{"doctor", "--rebuild", "--store", "/some store"}, .out = "--rebuild-catalog --store /some store\n"},

    {{"version"}, .answers = {{200, "{\"Version\":\"9.9\",\"LibfuseVersion\":\"3.18\",\"Kernel\":\"6.1\",\"Passthrough\":false,\"PassthroughReason\":\"kernel is older than 6.9\",\"StartedAt\":null}"}},
     .requests = "GET /volumefs/status \n", .out = "~  passthrough   off: kernel is older than 6.9\n"},
    {{"version", "--format=json"}, .answers = {{200, "{}"}}, .requests = "GET /volumefs/status \n",
     .out = "{\n    \"Client\": {\n        \"Version\": \"" VOLUMEFS_VERSION "\"\n    },\n    \"Daemon\": {}\n}\n"},

    {{"list", "-q"}, .answers = {{200, LIST}}, .requests = "GET /volumefs/volumes \n", .out = "tmp\nweb\n", .error = "volctl: slow"},
    {{"remove", "a"}, .answers = {{204}}, .requests = "DELETE /volumefs/volumes/a \n", .out = "a\n"},
    {{"-h"}, .out = "~Commands:\n  create "},
    {{"rm", "-h"}, .out = "~Usage: volctl rm [OPTION...] NAME..."},
    {{"--socket"}, .status = 2, .error = "volctl: option '--socket' requires an argument"},
    {{"help"}, .out = "~Commands:\n  create "},
    {{"--help"}, .out = "~Commands:\n  create "},
    {{"help", "rm"}, .out = "~Usage: volctl rm [OPTION...] NAME..."},
    {{"df", "--help"}, .out = "~Usage: volctl df [OPTION...]"},
    {{"df", "--usage"}, .out = "~Usage: volctl df "},
    {{"--version"}, .out = "volctl " VOLUMEFS_VERSION "\n"},
    {{"help", "nothing"}, .status = 2, .error = "volctl: there is no command 'nothing'; 'volctl --help' lists the commands\n"},
    {{"frobnicate\033"}, .status = 2, .error = "volctl: there is no command 'frobnicate?'"},
    {{NULL}, .status = 2, .error = "volctl: which command?"},
    {{"rm", "--frobnicate", "x"}, .status = 2, .error = "unrecognized option '--frobnicate'"},
    {{"--socket", "/nonexistent/s", "ls"}, .status = 1, .error = "volctl: cannot reach the daemon at /nonexistent/s: No such file or directory; is the daemon running? start it with: systemctl start volumefs, or volumefs /mnt/volumes\n"},
    {{"ls", "--socket="}, .status = 2, .error = "volctl ls: --socket needs a path; leave it out for the default\n"},
    {{"--socket", "", "ls"}, .status = 2, .error = "volctl: --socket needs a path"},
    {{"ls", "--socket=/nonexistent/s"}, .status = 1, .error = "volctl: cannot reach the daemon at /nonexistent/s:"},
    {{"rm", "a", "b", "--socket=/nonexistent/s"}, .status = 1, .error = "volctl: cannot reach the daemon at /nonexistent/s:"},
    {{"version", "--socket=/nonexistent/s"}, .status = 1, .out = "Client:\n  version       " VOLUMEFS_VERSION "\n", .error = "cannot reach the daemon"},
    {{"version", "--format=json", "--socket=/nonexistent/s"}, .status = 1, .out = "~\"Daemon\": null", .error = "cannot reach the daemon"},
};
/* clang-format on */

static void test_rows(void **state)
{
    (void)state;
    rows_run(rows, sizeof(rows) / sizeof(rows[0]));
}

/* A program that takes the place of the daemon's and says how it was called. */
static int group_setup(void **state)
{
    _cleanup_(free_p) char *path = NULL;

    (void)state;
    if (rows_setup() < 0)
        return -1;
    rows_write("daemon", "#!/bin/sh\necho \"$@\"\n", 0700);
    path = rows_path("daemon");
    setenv("VOLUMEFS_DAEMON", path, 1);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    return rows_teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests_name("volctl_commands", tests, group_setup, group_teardown);
}
