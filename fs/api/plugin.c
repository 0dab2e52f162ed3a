/*
 * The volume plugin protocol: its table of routes and its errors, as Docker describes it ("Docker
 * volume plugins"). Errors have status 500 and a text in Err; Podman takes 200 with Err for
 * success.
 */
#include "fs/api/codec.h"
#include "fs/api/handlers.h"

static const struct route routes[] = {
    {HTTP_POST, "/Plugin.Activate", plugin_activate, {NULL}},
    {HTTP_POST, "/VolumeDriver.Capabilities", plugin_capabilities, {NULL}},
    {HTTP_POST, "/VolumeDriver.Create", plugin_create, {NULL}},
    {HTTP_POST, "/VolumeDriver.Remove", plugin_remove, {NULL}},
    {HTTP_POST, "/VolumeDriver.Mount", plugin_mount, {NULL}},
    {HTTP_POST, "/VolumeDriver.Unmount", plugin_unmount, {NULL}},
    {HTTP_POST, "/VolumeDriver.Path", plugin_path, {NULL}},
    {HTTP_POST, "/VolumeDriver.Get", plugin_get, {NULL}},
    {HTTP_POST, "/VolumeDriver.List", plugin_list, {NULL}},
};

/* Engines try a connection that was cut again, for a while. */
static int error_status(int code)
{
    return code == ERROR_UNAVAILABLE ? HTTP_DROP : 500;
}

static char *error_body(int code, const char *text)
{
    (void)code;
    return codec_text(codec_plugin_answer(NULL, NULL, text));
}

const struct http_service plugin_service = {
    .routes = routes,
    .route_count = sizeof(routes) / sizeof(routes[0]),
    .any_body = true,
    .error_status = error_status,
    .error_body = error_body,
};
