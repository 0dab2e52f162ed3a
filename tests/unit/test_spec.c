/*
 * The mount grammar: one row a text, with what it must give or the exact
 * refusal. A refusal that ends in "…" is a beginning (the rest is name.c's).
 */
#include "catalog/cleanup.h"
#include "catalog/spec.h"
#include "catalog/spec_private.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

#define BAD(raw, type, reason)                                                                     \
    "invalid volume specification: '" raw "': invalid mount config for type \"" type "\": " reason
#define CONFIG(type, reason) "invalid mount config for type \"" type "\": " reason
#define RAW(raw)             "invalid volume specification: '" raw "'"
#define SPEC(raw, reason)    "invalid spec: " raw ": " reason
#define ROOT                 "invalid specification: destination can't be '/'"
#define NAME_TEXT            " includes invalid characters for a local volume name"

/* struct mount_spec without its ownership: constant strings. Options and labels are tested apart.
 */
struct want {
    enum mount_type type;
    const char *source, *destination, *mode;
    bool readonly;
    enum access_label label;
    bool nocopy, create_source;
    const char *propagation, *subpath, *volume_driver;
    bool bind_nonrecursive;
    uint64_t tmpfs_size;
    mode_t tmpfs_mode;
};

struct valid {
    const char *text;
    struct want want;
};

struct invalid {
    const char *text;
    const char *want;
};

/* One row a line. */
/* clang-format off */
static const struct valid volumes_valid[] = {
    {"/data", {.type = MOUNT_VOLUME, .destination = "/data"}},
    {"/data/", {.type = MOUNT_VOLUME, .destination = "/data"}},
    {"/a", {.type = MOUNT_VOLUME, .destination = "/a"}},
    {"//a//b/./c/..", {.type = MOUNT_VOLUME, .destination = "/a/b"}},
    {"/with space", {.type = MOUNT_VOLUME, .destination = "/with space"}},
    {"/../x", {.type = MOUNT_VOLUME, .destination = "/x"}},
    {"/rw:/ro", {.type = MOUNT_BIND, .source = "/rw", .destination = "/ro", .create_source = true, .propagation = "rprivate"}},
    {"web:/data", {.type = MOUNT_VOLUME, .source = "web", .destination = "/data"}},
    {"x:/data", {.type = MOUNT_VOLUME, .source = "x", .destination = "/data"}},
    {"ro:/data", {.type = MOUNT_VOLUME, .source = "ro", .destination = "/data"}},
    {"We_b.1-2:/data", {.type = MOUNT_VOLUME, .source = "We_b.1-2", .destination = "/data"}},
    {"web:/data:ro", {.type = MOUNT_VOLUME, .source = "web", .destination = "/data", .mode = "ro", .readonly = true}},
    {"web:/data:rw", {.type = MOUNT_VOLUME, .source = "web", .destination = "/data", .mode = "rw"}},
    {"web:/data:z", {.type = MOUNT_VOLUME, .source = "web", .destination = "/data", .mode = "z", .label = LABEL_SHARED}},
    {"web:/data:Z", {.type = MOUNT_VOLUME, .source = "web", .destination = "/data", .mode = "Z", .label = LABEL_PRIVATE}},
    {"web:/data:ro,Z", {.type = MOUNT_VOLUME, .source = "web", .destination = "/data", .mode = "ro,Z", .readonly = true, .label = LABEL_PRIVATE}},
    {"web:/data:z,rw,nocopy", {.type = MOUNT_VOLUME, .source = "web", .destination = "/data", .mode = "z,rw,nocopy", .label = LABEL_SHARED, .nocopy = true}},
    {"web:/data:nocopy", {.type = MOUNT_VOLUME, .source = "web", .destination = "/data", .mode = "nocopy", .nocopy = true}},
    {"web:/data:cached", {.type = MOUNT_VOLUME, .source = "web", .destination = "/data", .mode = "cached"}},
    {"web:/data:delegated,ro", {.type = MOUNT_VOLUME, .source = "web", .destination = "/data", .mode = "delegated,ro", .readonly = true}},
    {"web:/data:consistent", {.type = MOUNT_VOLUME, .source = "web", .destination = "/data", .mode = "consistent"}},
    {"web:/d/../e/:ro", {.type = MOUNT_VOLUME, .source = "web", .destination = "/e", .mode = "ro", .readonly = true}},
    {"/home:/home", {.type = MOUNT_BIND, .source = "/home", .destination = "/home", .create_source = true, .propagation = "rprivate"}},
    {"/:/host", {.type = MOUNT_BIND, .source = "/", .destination = "/host", .create_source = true, .propagation = "rprivate"}},
    {"/a/../b/:/x", {.type = MOUNT_BIND, .source = "/b", .destination = "/x", .create_source = true, .propagation = "rprivate"}},
    {"/h:/c:ro", {.type = MOUNT_BIND, .source = "/h", .destination = "/c", .mode = "ro", .readonly = true, .create_source = true, .propagation = "rprivate"}},
    {"/h:/c:shared", {.type = MOUNT_BIND, .source = "/h", .destination = "/c", .mode = "shared", .create_source = true, .propagation = "shared"}},
    {"/h:/c:rshared", {.type = MOUNT_BIND, .source = "/h", .destination = "/c", .mode = "rshared", .create_source = true, .propagation = "rshared"}},
    {"/h:/c:slave", {.type = MOUNT_BIND, .source = "/h", .destination = "/c", .mode = "slave", .create_source = true, .propagation = "slave"}},
    {"/h:/c:rslave", {.type = MOUNT_BIND, .source = "/h", .destination = "/c", .mode = "rslave", .create_source = true, .propagation = "rslave"}},
    {"/h:/c:private", {.type = MOUNT_BIND, .source = "/h", .destination = "/c", .mode = "private", .create_source = true, .propagation = "private"}},
    {"/h:/c:rprivate", {.type = MOUNT_BIND, .source = "/h", .destination = "/c", .mode = "rprivate", .create_source = true, .propagation = "rprivate"}},
    {"/h:/c:ro,z,shared", {.type = MOUNT_BIND, .source = "/h", .destination = "/c", .mode = "ro,z,shared", .readonly = true, .label = LABEL_SHARED, .create_source = true, .propagation = "shared"}},
    {"/h:/c:slave,Z,ro", {.type = MOUNT_BIND, .source = "/h", .destination = "/c", .mode = "slave,Z,ro", .readonly = true, .label = LABEL_PRIVATE, .create_source = true, .propagation = "slave"}},
};

static const struct invalid volumes_invalid[] = {
    {"", "invalid empty volume spec"},
    {":", RAW(":")},
    {"::", RAW("::")},
    {"/:", RAW("/:")},
    {"a:", RAW("a:")},
    {":x", RAW(":x")},
    {":::", SPEC(":::", "empty section between colons")},
    {"/tmp:", SPEC("/tmp:", "empty section between colons")},
    {"tmp:", SPEC("tmp:", "empty section between colons")},
    {":/test", SPEC(":/test", "empty section between colons")},
    {":test:", SPEC(":test:", "empty section between colons")},
    {"/tmp:::", SPEC("/tmp:::", "empty section between colons")},
    {"a::/b", SPEC("a::/b", "empty section between colons")},
    {"web:/data:", SPEC("web:/data:", "empty section between colons")},
    {"web:/a:ro:", SPEC("web:/a:ro:", "too many colons")},
    {"a:/b:ro:x", SPEC("a:/b:ro:x", "too many colons")},
    {"/h:/c:ro,z:Z", SPEC("/h:/c:ro,z:Z", "too many colons")},
    {"/path:ro", RAW("/path:ro")},
    {"/path:rw", RAW("/path:rw")},
    {"/rw:rw", RAW("/rw:rw")},
    {"path:ro", RAW("path:ro")},
    {"/path:ro,Z", RAW("/path:ro,Z")},
    {"/path:shared", RAW("/path:shared")},
    {"/path:nocopy", RAW("/path:nocopy")},
    {"/p:/p:sw", "invalid mode: sw"},
    {"/p:/p:rwz", "invalid mode: rwz"},
    {"/p:/p:RO", "invalid mode: RO"},
    {"/p:/p:ro,", "invalid mode: ro,"},
    {"/p:/p:,ro", "invalid mode: ,ro"},
    {"/p:/p: ro", "invalid mode:  ro"},
    {"/p:/p:ro,rw", "invalid mode: ro,rw"},
    {"/p:/p:ro,ro", "invalid mode: ro,ro"},
    {"/p:/p:z,Z", "invalid mode: z,Z"},
    {"web:/p:nocopy,nocopy", "invalid mode: nocopy,nocopy"},
    {"/p:/p:cached,delegated", "invalid mode: cached,delegated"},
    {"/p:/p:ro,rshared,rslave", "invalid mode: ro,rshared,rslave"},
    {"/p:/p:ro-non-recursive", "invalid mode: ro-non-recursive"},
    {"/p:rel:sw", "invalid mode: sw"},
    {"/", BAD("/", "volume", ROOT)},
    {"/..", BAD("/..", "volume", ROOT)},
    {"web:/", BAD("web:/", "volume", ROOT)},
    {"/h:/:ro", BAD("/h:/:ro", "bind", ROOT)},
    {"web:/a/..", BAD("web:/a/..", "volume", ROOT)},
    {"./", BAD("./", "volume", "invalid mount path: './' mount path must be absolute")},
    {"../", BAD("../", "volume", "invalid mount path: '../' mount path must be absolute")},
    {"data", BAD("data", "volume", "invalid mount path: 'data' mount path must be absolute")},
    {"/:path", BAD("/:path", "bind", "invalid mount path: 'path' mount path must be absolute")},
    {"web:data", BAD("web:data", "volume", "invalid mount path: 'data' mount path must be absolute")},
    {"web:\\data", BAD("web:\\data", "volume", "invalid mount path: '\\data' mount path must be absolute")},
    {"name:/a:shared", BAD("name:/a:shared", "volume", "field BindOptions must not be specified")},
    {"name:/a:rprivate", BAD("name:/a:rprivate", "volume", "field BindOptions must not be specified")},
    {"/h:/a:nocopy", BAD("/h:/a:nocopy", "bind", "field VolumeOptions must not be specified")},
    {"web:/a\nb", BAD("web:/a?b", "volume", "invalid mount path: '/a?b' contains control characters")},
    {"/h\033:/a", BAD("/h?:/a", "bind", "invalid mount path: '/h?' contains control characters")},
    {"./x:/a", "\"./x\"" NAME_TEXT "…"},
    {"a/b:/a", "\"a/b\"" NAME_TEXT "…"},
    {"-x:/a", "\"-x\"" NAME_TEXT "…"},
    {"..:/a", "\"..\"" NAME_TEXT "…"},
    {"~/x:/a", "\"~/x\"" NAME_TEXT "…"},
};

static const struct valid mounts_valid[] = {
    {"target=/d", {.type = MOUNT_VOLUME, .destination = "/d"}},
    {"  dst=/d  ", {.type = MOUNT_VOLUME, .destination = "/d"}},
    {"destination=/d/", {.type = MOUNT_VOLUME, .destination = "/d"}},
    {"src=web,dst=/d", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d"}},
    {"type=volume,source=web,target=/d", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d"}},
    {"TYPE=Volume,SRC=web,Dst=/d", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d"}},
    {"src=web,dst=/d,readonly", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d", .readonly = true}},
    {"src=web,dst=/d,ro", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d", .readonly = true}},
    {"src=web,dst=/d,ro=1", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d", .readonly = true}},
    {"src=web,dst=/d,ro=true", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d", .readonly = true}},
    {"src=web,dst=/d,readonly=0", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d"}},
    {"src=web,dst=/d,ro,ro=false", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d"}},
    {"src=a,src=b,dst=/d,dst=/e", {.type = MOUNT_VOLUME, .source = "b", .destination = "/e"}},
    {"src=web,dst=/d,volume-nocopy", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d", .nocopy = true}},
    {"src=web,dst=/d,volume-nocopy=false", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d"}},
    {"src=web,dst=/d,volume-subpath=a/b", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d", .subpath = "a/b"}},
    {"src=web,dst=/d,volume-subpath=a/../b/", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d", .subpath = "b"}},
    {"src=web,dst=/d,volume-subpath=.", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d"}},
    {"src=web,dst=/d,volume-subpath=..a", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d", .subpath = "..a"}},
    {"src=web,dst=/d,volume-driver=nfs", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d", .volume_driver = "nfs"}},
    {"src=web,dst=/d,consistency=cached", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d"}},
    {"src=web,dst=/d,relabel=private", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d", .label = LABEL_PRIVATE}},
    {"type=bind,src=/h,dst=/d,relabel=shared,ro", {.type = MOUNT_BIND, .source = "/h", .destination = "/d", .readonly = true, .label = LABEL_SHARED, .propagation = "rprivate"}},
    {"\"src=web\",\"dst=/a,b\"", {.type = MOUNT_VOLUME, .source = "web", .destination = "/a,b"}},
    {"src=web,\"dst=/a\"\"b\"", {.type = MOUNT_VOLUME, .source = "web", .destination = "/a\"b"}},
    {"src=web,dst=/a=b", {.type = MOUNT_VOLUME, .source = "web", .destination = "/a=b"}},
    {"type=bind,src=/h,dst=/d", {.type = MOUNT_BIND, .source = "/h", .destination = "/d", .propagation = "rprivate"}},
    {"type=bind,src=/h/../i,dst=/d,ro", {.type = MOUNT_BIND, .source = "/i", .destination = "/d", .readonly = true, .propagation = "rprivate"}},
    {"type=bind,src=/h,dst=/d,bind-propagation=RShared", {.type = MOUNT_BIND, .source = "/h", .destination = "/d", .propagation = "rshared"}},
    {"type=bind,src=/h,dst=/d,bind-create-src", {.type = MOUNT_BIND, .source = "/h", .destination = "/d", .create_source = true, .propagation = "rprivate"}},
    {"type=bind,src=/h,dst=/d,bind-create-src=0", {.type = MOUNT_BIND, .source = "/h", .destination = "/d", .propagation = "rprivate"}},
    {"type=bind,src=/h,dst=/d,bind-recursive=enabled", {.type = MOUNT_BIND, .source = "/h", .destination = "/d", .propagation = "rprivate"}},
    {"type=volume,src=web,dst=/d,bind-recursive=enabled", {.type = MOUNT_VOLUME, .source = "web", .destination = "/d"}},
    {"type=bind,src=/h,dst=/d,bind-recursive=disabled", {.type = MOUNT_BIND, .source = "/h", .destination = "/d", .bind_nonrecursive = true, .propagation = "rprivate"}},
    {"type=bind,src=/h,dst=/d,bind-recursive=writable,readonly", {.type = MOUNT_BIND, .source = "/h", .destination = "/d", .readonly = true, .propagation = "rprivate"}},
    {"type=bind,src=/h,dst=/d,bind-recursive=readonly,readonly,bind-propagation=rprivate", {.type = MOUNT_BIND, .source = "/h", .destination = "/d", .readonly = true, .propagation = "rprivate"}},
    {"type=tmpfs,dst=/d", {.type = MOUNT_TMPFS, .destination = "/d"}},
    {"type=tmpfs,dst=/d,tmpfs-size=1m,tmpfs-mode=0700", {.type = MOUNT_TMPFS, .destination = "/d", .tmpfs_size = 1 << 20, .tmpfs_mode = 0700}},
    {"type=tmpfs,dst=/d,tmpfs-size=1MB,tmpfs-mode=1777", {.type = MOUNT_TMPFS, .destination = "/d", .tmpfs_size = 1 << 20, .tmpfs_mode = 01777}},
    {"type=tmpfs,dst=/d,readonly", {.type = MOUNT_TMPFS, .destination = "/d", .readonly = true}},
};

static const struct invalid mounts_invalid[] = {
    {"", "value is empty"},
    {"  ", "value is empty"},
    {"type=volume,target=/foo,bogus=foo", "unknown option 'bogus' in 'bogus=foo'"},
    {"Bogus=Foo,target=/foo", "unknown option 'Bogus' in 'Bogus=Foo'"},
    {"=x,target=/foo", "unknown option '' in '=x'"},
    {"type=volume,target=/foo,bogus", "invalid field 'bogus' must be a key=value pair"},
    {"type=volume,target=/foo,src", "invalid field 'src' must be a key=value pair"},
    {"target=/foo,", "invalid field '' must be a key=value pair"},
    {"target=/foo,,ro", "invalid field '' must be a key=value pair"},
    {"type=volume, src=/foo,target=/foo", "invalid option 'src' in ' src=/foo': option should not have whitespace"},
    {"type=volume,src =/foo,target=/foo", "invalid option 'src' in 'src =/foo': option should not have whitespace"},
    {"type=volume,src=,target=/foo", "invalid value for 'src': value is empty"},
    {"type=volume,src= ,target=/foo", "invalid value for 'src': value is empty"},
    {"type=,target=/foo", "invalid value for 'type': value is empty"},
    {"type=volume,src= /foo,target=/foo", "invalid value for 'src' in 'src= /foo': value should not have whitespace"},
    {"type=volume,src=/foo ,target=/foo", "invalid value for 'src' in 'src=/foo ': value should not have whitespace"},
    {"src=web,dst=/d,readonly=no", "invalid value for 'readonly': invalid boolean value (\"no\"): must be one of \"true\", " "\"1\", \"false\", or \"0\" (default \"true\")"},
    {"src=web,dst=/d,ro=TRUE", "invalid value for 'ro': invalid boolean value (\"TRUE\"): must be " "one of \"true\", \"1\", \"false\", or \"0\" (default \"true\")"},
    {"src=web,dst=/d,readonly=", "invalid value for 'readonly': value is empty"},
    {"src=web,dst=/d,volume-nocopy=2", "invalid value for 'volume-nocopy': invalid boolean value (\"2\"): must be one of \"true\", " "\"1\", \"false\", or \"0\" (default \"true\")"},
    {"type=bind,src=/h,dst=/d,bind-nonrecursive", "bind-nonrecursive is deprecated, use bind-recursive=disabled instead"},
    {"type=bind,src=/h,dst=/d,bind-nonrecursive=true", "bind-nonrecursive is deprecated, use bind-recursive=disabled instead"},
    {"type=bind,src=/h,dst=/d,bind-recursive=no", "invalid value for bind-recursive: no (must be \"enabled\", \"disabled\", \"writable\", or " "\"readonly\")"},
    {"type=bind,src=/h,dst=/d,bind-recursive=writable", "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction"},
    {"type=bind,src=/h,dst=/d,bind-recursive=readonly", "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction"},
    {"type=bind,src=/h,dst=/d,bind-recursive=readonly,ro", "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in " "conjunction"},
    {"type=tmpfs,target=/foo,tmpfs-size=foo", "invalid value for tmpfs-size: foo"},
    {"type=tmpfs,target=/foo,tmpfs-size=-1", "invalid value for tmpfs-size: -1"},
    {"type=tmpfs,target=/foo,tmpfs-size=1e3", "invalid value for tmpfs-size: 1e3"},
    {"type=tmpfs,target=/foo,tmpfs-size=9999999999g", "invalid value for tmpfs-size: 9999999999g"},
    {"type=tmpfs,target=/foo,tmpfs-mode=foo", "invalid value for tmpfs-mode: foo"},
    {"type=tmpfs,target=/foo,tmpfs-mode=8", "invalid value for tmpfs-mode: 8"},
    {"type=tmpfs,target=/foo,tmpfs-mode=10000", "invalid value for tmpfs-mode: 10000"},
    {"src=web,dst=/d,relabel=none", "invalid value for relabel: none"},
    {"src=web,dst=/d,relabel=Z", "invalid value for relabel: Z"},
    {"src=web,dst=/d,consistency=always", "invalid value for consistency: always"},
    {"type=volume,target=/foo,source=/foo,bind-propagation=rprivate", "cannot mix 'bind-*' options with mount type 'volume'"},
    {"type=volume,target=/foo,source=foo,bind-create-src", "cannot mix 'bind-*' options with mount type 'volume'"},
    {"type=bind,target=/foo,source=/foo,volume-nocopy=true", "cannot mix 'volume-*' options with mount type 'bind'"},
    {"type=bind,target=/foo,source=/foo,volume-nocopy=false", "cannot mix 'volume-*' options with mount type 'bind'"},
    {"type=bind,target=/foo,source=/foo,volume-label==x", "cannot mix 'volume-*' options with mount type 'bind'"},
    {"type=tmpfs,target=/foo,volume-driver=x", "cannot mix 'volume-*' options with mount type 'tmpfs'"},
    {"type=tmpfs,target=/foo,bind-propagation=x", "cannot mix 'bind-*' options with mount type 'tmpfs'"},
    {"type=volume,source=foo,target=/foo,tmpfs-size=1m", "cannot mix 'tmpfs-*' options with mount type 'volume'"},
    {"type=image,source=foo,target=/foo,tmpfs-mode=700", "cannot mix 'tmpfs-*' options with mount type 'image'"},
    {"type=image,source=foo,target=/foo", CONFIG("image", "mount type unknown")},
    {"type=Volumes,target=/foo", CONFIG("volumes", "mount type unknown")},
    {"type=a-type-longer-than-any-other,target=/foo", CONFIG("a-type-longer-t", "mount type unknown")},
    {"src=web", CONFIG("volume", "field Target must not be empty")},
    {"type=bind,src=/x", CONFIG("bind", "field Target must not be empty")},
    {"src=web,dst=/", CONFIG("volume", ROOT)},
    {"src=web,dst=/x/..", CONFIG("volume", ROOT)},
    {"src=web,dst=d", CONFIG("volume", "invalid mount path: 'd' mount path must be absolute")},
    {"type=bind,dst=/d", CONFIG("bind", "field Source must not be empty")},
    {"type=bind,src=web,dst=/d", CONFIG("bind", "invalid mount path: 'web' mount path must be absolute")},
    {"type=bind,src=/h,dst=/d,bind-propagation=up", CONFIG("bind", "invalid propagation mode: up")},
    {"type=bind,src=/h,dst=/d,bind-propagation=ro", CONFIG("bind", "invalid propagation mode: ro")},
    {"type=tmpfs,src=web,dst=/d", CONFIG("tmpfs", "field Source must not be specified")},
    {"dst=/d,readonly", CONFIG("volume", "must not set ReadOnly mode when using anonymous volumes")},
    {"dst=/d,volume-subpath=a", CONFIG("volume", "must not set Subpath when using anonymous volumes")},
    {"src=web,dst=/d,volume-subpath=/a", CONFIG("volume", "subpath must be a relative path within the volume")},
    {"src=web,dst=/d,volume-subpath=..", CONFIG("volume", "subpath must be a relative path within the volume")},
    {"src=web,dst=/d,volume-subpath=a/../../b", CONFIG("volume", "subpath must be a relative path within the volume")},
    {"src=/foo,dst=/d", "\"/foo\"" NAME_TEXT "…"},
    {"src=we b,dst=/d", "\"we b\"" NAME_TEXT "…"},
    {"dst=/a\"b", "parse error on line 1, column 7: bare \" in non-quoted field"},
    {"\"dst=/a", "parse error on line 1, column 8: extraneous or missing \" in quoted field"},
    {"\"dst=/a\"b", "parse error on line 1, column 8: extraneous or missing \" in quoted field"},
    {"ro,\"dst=/a\" ,ro", "parse error on line 1, column 11: extraneous or missing \" in quoted field"},
    {"\"dst=/a\nb", "record on line 1; parse error on line 2, column 2: extraneous or missing \" in quoted field"},
    {"dst=/a\nsrc=b", "parse error on line 1, column 7: a mount is one line"},
    {"\"dst=/a\nb\"", CONFIG("volume", "invalid mount path: '/a?b' contains control characters")},
};

static const struct {
    const char *text;
    struct volumes_from want;
} from_valid[] = {
    {"web", {"web"}},
    {"web:", {"web"}},
    {"web:rw", {.container = "web", .mode = "rw"}},
    {"web:ro", {.container = "web", .readonly = true, .mode = "ro"}},
    {"web:z", {.container = "web", .label = LABEL_SHARED, .mode = "z"}},
    {"web:ro,Z", {.container = "web", .readonly = true, .label = LABEL_PRIVATE, .mode = "ro,Z"}},
    {"a1b2c3d4e5f6:cached,ro", {.container = "a1b2c3d4e5f6", .readonly = true, .mode = "cached,ro"}},
};

static const struct invalid from_invalid[] = {
    {"", "volumes-from specification cannot be an empty string"},
    {"web:x", "invalid mode: x"},
    {"web:ro:rw", "invalid mode: ro:rw"},
    {"web:ro,rw", "invalid mode: ro,rw"},
    {"web:shared", "invalid mode: shared"},
    {"web:ro,rslave", "invalid mode: ro,rslave"},
    {"web:nocopy", "invalid mode: nocopy"},
    {"web:ro,nocopy", "invalid mode: ro,nocopy"},
    {":ro", "…"},
    {"../x", "…"},
};

static const struct {
    const char *path, *want;
} clean_paths[] = {
    {"", "."},
    {".", "."},
    {"/", "/"},
    {"//", "/"},
    {"/.", "/"},
    {"/..", "/"},
    {"/../..", "/"},
    {"a", "a"},
    {"a/", "a"},
    {"a/..", "."},
    {"a/../..", ".."},
    {"../../a", "../../a"},
    {"../a/../../b", "../../b"},
    {"/a/b/../c", "/a/c"},
    {"/a/./b//c/", "/a/b/c"},
    {"..a", "..a"},
    {"/a/...", "/a/..."},
    {"./a", "a"},
    {"a//b", "a/b"},
    {"/a/../../b", "/b"},
};

static const struct {
    const char *text;
    bool valid;
    uint64_t want;
} sizes[] = {
    {"0", true, 0},
    {"100", true, 100},
    {"100b", true, 100},
    {"1k", true, 1024},
    {"1KB", true, 1024},
    {"1 KiB", true, 1024},
    {"1.5m", true, 3 << 19},
    {"2g", true, 2ULL << 30},
    {"1T", true, 1ULL << 40},
    {"1p", true, 1ULL << 50},
    {".5k", true, 512},
    {"", false, 0},
    {"k", false, 0},
    {"1x", false, 0},
    {"1kk", false, 0},
    {"1bb", false, 0},
    {"1kib ", false, 0},
    {"1  k", false, 0},
    {"-1", false, 0},
    {"+1", false, 0},
    {"0x10", false, 0},
    {"1.2.3", false, 0},
    {"inf", false, 0},
    {"8192p", false, 0},
    {"99999999999999999999999", false, 0},
};
/* clang-format on */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool spec_equal(const struct mount_spec *a, const struct want *b)
{
    return a->type == b->type && same(a->source, b->source) &&
           same(a->destination, b->destination) && same(a->mode, b->mode) &&
           a->readonly == b->readonly && a->label == b->label && a->nocopy == b->nocopy &&
           a->create_source == b->create_source && same(a->propagation, b->propagation) &&
           same(a->subpath, b->subpath) && same(a->volume_driver, b->volume_driver) &&
           a->bind_nonrecursive == b->bind_nonrecursive && a->tmpfs_size == b->tmpfs_size &&
           a->tmpfs_mode == b->tmpfs_mode;
}

typedef int parse_fn(const char *text, struct mount_spec *out, struct error *e);

static void check_valid(parse_fn *parse, const struct valid *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct mount_spec spec = {0};
        struct error e = {0};
        int r = parse(rows[i].text, &spec, &e);

        if (r)
            fail_msg("'%s' refused: %s", rows[i].text, e.text);
        if (!spec_equal(&spec, &rows[i].want))
            fail_msg("'%s' read otherwise: type %d source %s destination %s mode %s ro %d",
                     rows[i].text, (int)spec.type, spec.source ? spec.source : "-",
                     spec.destination, spec.mode ? spec.mode : "-", spec.readonly);
        mount_spec_deinit(&spec);
    }
}

static void check_text(const char *text, const char *got, const char *want)
{
    size_t length = strlen(want), mark = strlen("…");
    bool prefix = length >= mark && strcmp(want + length - mark, "…") == 0;

    if (prefix ? strncmp(got, want, length - mark) != 0 : strcmp(got, want) != 0)
        fail_msg("'%s': got  %s\n   want %s", text, got, want);
}

static void check_invalid(parse_fn *parse, const struct invalid *rows, size_t count)
{
    static const struct want empty;

    for (size_t i = 0; i < count; i++) {
        struct mount_spec spec = {.source = (char *)(uintptr_t) "stale"};
        struct error e = {0};
        int r = parse(rows[i].text, &spec, &e);

        if (r != ERROR_SPEC_INVALID && r != ERROR_NAME_INVALID)
            fail_msg("'%s' gave %d", rows[i].text, r);
        check_text(rows[i].text, e.text, rows[i].want);
        if (!spec_equal(&spec, &empty))
            fail_msg("'%s': something is left behind", rows[i].text);
    }
}

static void test_volume_valid(void **state)
{
    (void)state;
    check_valid(spec_parse_volume, volumes_valid, COUNT(volumes_valid));
}

static void test_volume_invalid(void **state)
{
    (void)state;
    check_invalid(spec_parse_volume, volumes_invalid, COUNT(volumes_invalid));
}

static void test_mount_valid(void **state)
{
    (void)state;
    check_valid(spec_parse_mount, mounts_valid, COUNT(mounts_valid));
}

static void test_mount_invalid(void **state)
{
    (void)state;
    check_invalid(spec_parse_mount, mounts_invalid, COUNT(mounts_invalid));
}

static void test_mount_pairs(void **state)
{
    struct mount_spec spec = {0};
    struct error e = {0};

    (void)state;
    assert_int_equal(spec_parse_mount("dst=/d,volume-label=a=1,volume-label=b,volume-label=c=,"
                                      "volume-label==x,volume-label=a=2=3,volume-opt=type=nfs,"
                                      "\"volume-opt=o=addr=h,rw\"",
                                      &spec, &e),
                     0);
    assert_int_equal(spec.volume_labels.count, 3);
    assert_string_equal(pairs_get(&spec.volume_labels, "a"), "2=3");
    assert_string_equal(pairs_get(&spec.volume_labels, "b"), "");
    assert_string_equal(pairs_get(&spec.volume_labels, "c"), "");
    assert_int_equal(spec.volume_options.count, 2);
    assert_string_equal(pairs_get(&spec.volume_options, "type"), "nfs");
    assert_string_equal(pairs_get(&spec.volume_options, "o"), "addr=h,rw");
    mount_spec_deinit(&spec);
}

static char *text_of(const char *head, char fill, size_t count)
{
    char *text = malloc(strlen(head) + count + 1);

    assert_non_null(text);
    memcpy(text, head, strlen(head));
    memset(text + strlen(head), fill, count);
    text[strlen(head) + count] = 0;
    return text;
}

static void test_bounds(void **state)
{
    static const struct {
        const char *head;
        parse_fn *parse;
        char fill;
        size_t count;
        const char *want; /* NULL: taken */
    } rows[] = {
        {"web:/", spec_parse_volume, 'x', PATH_TEXT_MAX - 1, NULL},
        {"web:/", spec_parse_volume, 'x', PATH_TEXT_MAX, "is longer than 4095 bytes"},
        {"web:/", spec_parse_volume, 'x', SPEC_TEXT_MAX, "is longer than 16384 bytes"},
        {"src=web,dst=/", spec_parse_mount, 'x', PATH_TEXT_MAX, "is longer than 4095 bytes"},
        {"src=web,dst=/", spec_parse_mount, 'x', SPEC_TEXT_MAX, "is longer than 16384 bytes"},
        {"dst=/x", spec_parse_mount, ',', CSV_FIELDS_MAX, "a mount has more than 1024 fields"},
        {"dst=/x,volume-label=", spec_parse_mount, 'k', PAIR_KEY_MAX, NULL},
        {"dst=/x,volume-label=", spec_parse_mount, 'k', PAIR_KEY_MAX + 1, "volume-label '"},
        {"dst=/x,volume-driver=", spec_parse_mount, 'k', DRIVER_NAME_MAX + 1,
         "invalid value for volume-driver"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(free_p) char *text = text_of(rows[i].head, rows[i].fill, rows[i].count);
        struct mount_spec spec = {0};
        struct error e = {0};
        int r = rows[i].parse(text, &spec, &e);

        if (rows[i].want ? r != ERROR_SPEC_INVALID || !strstr(e.text, rows[i].want) : r != 0)
            fail_msg("row %zu: %d %s", i, r, e.text);
        mount_spec_deinit(&spec);
    }
}

static void test_volumes_from(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(from_valid); i++) {
        struct volumes_from from;
        struct error e = {0};

        if (spec_parse_volumes_from(from_valid[i].text, &from, &e))
            fail_msg("'%s' refused: %s", from_valid[i].text, e.text);
        assert_string_equal(from.container, from_valid[i].want.container);
        assert_string_equal(from.mode, from_valid[i].want.mode);
        assert_int_equal(from.readonly, from_valid[i].want.readonly);
        assert_int_equal(from.label, from_valid[i].want.label);
    }
    for (size_t i = 0; i < COUNT(from_invalid); i++) {
        struct volumes_from from;
        struct error e = {0};
        int r = spec_parse_volumes_from(from_invalid[i].text, &from, &e);

        if (r != ERROR_SPEC_INVALID && r != ERROR_NAME_INVALID)
            fail_msg("'%s' gave %d", from_invalid[i].text, r);
        check_text(from_invalid[i].text, e.text, from_invalid[i].want);
        assert_string_equal(from.container, "");
    }
}

static void test_duplicates(void **state)
{
    struct mount_spec specs[3] = {0};
    struct error e = {0};

    (void)state;
    assert_int_equal(spec_parse_volume("web:/d/", &specs[0], &e), 0);
    assert_int_equal(spec_parse_mount("dst=/e", &specs[1], &e), 0);
    assert_int_equal(spec_parse_volume("/h:/x/../d", &specs[2], &e), 0);
    assert_int_equal(spec_check_duplicates(specs, 2, &e), 0);
    assert_int_equal(spec_check_duplicates(specs, 0, &e), 0);
    assert_int_equal(spec_check_duplicates(specs, 3, &e), ERROR_SPEC_INVALID);
    assert_string_equal(e.text, "Duplicate mount point: /d");
    for (size_t i = 0; i < COUNT(specs); i++)
        mount_spec_deinit(&specs[i]);
}

static void test_clean_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(clean_paths); i++) {
        _cleanup_(free_p) char *clean = spec_clean_path(clean_paths[i].path);

        assert_string_equal(clean, clean_paths[i].want);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        uint64_t size = 0;

        if (spec_size_parse(sizes[i].text, &size) != sizes[i].valid || size != sizes[i].want)
            fail_msg("'%s': %llu", sizes[i].text, (unsigned long long)size);
    }
}

/* Plain where it may be, and always read back as it was. */
static void test_field_write(void **state)
{
    static const struct {
        const char *field, *want;
    } rows[] = {{"target=/d", "target=/d"},
                {"", ""},
                {"a,b", "\"a,b\""},
                {"say \"x\"", "\"say \"\"x\"\"\""},
                {"target=/d ", "\"target=/d \""},
                {"a\nb", "\"a\nb\""},
                {"\t", "\"\t\""}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_(csv_record_deinit) struct csv_record record = {0};
        _cleanup_(free_p) char *text = NULL;
        size_t size;
        FILE *stream = open_memstream(&text, &size);

        assert_non_null(stream);
        csv_field_write(stream, rows[i].field);
        fclose(stream);
        assert_string_equal(text, rows[i].want);
        assert_int_equal(csv_record_parse(text, &record, NULL), 0);
        assert_int_equal(record.count, 1);
        assert_string_equal(record.fields[0], rows[i].field);
    }
}

/* A path that ends in a space is refused rather than recorded as another one. */
static void test_mount_written(void **state)
{
    _cleanup_(free_p) char *text = NULL;
    struct mount_spec spec;
    struct error e = {0};
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    (void)state;
    assert_non_null(stream);
    fputs("type=bind,source=/s,", stream);
    csv_field_write(stream, "target=/d ");
    fclose(stream);
    assert_int_equal(spec_parse_mount(text, &spec, &e), ERROR_SPEC_INVALID);
    assert_non_null(strstr(e.text, "value should not have whitespace"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_volume_valid), cmocka_unit_test(test_volume_invalid),
        cmocka_unit_test(test_mount_valid),  cmocka_unit_test(test_mount_invalid),
        cmocka_unit_test(test_mount_pairs),  cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_volumes_from), cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_field_write),  cmocka_unit_test(test_mount_written),
        cmocka_unit_test(test_clean_path),   cmocka_unit_test(test_sizes),
    };

    return cmocka_run_group_tests_name("spec", tests, NULL, NULL);
}
