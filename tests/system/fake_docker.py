#!/usr/bin/env python3
"""As much of the Docker Engine's API as volctl adopt asks for, on a unix socket.

fake_docker.py SOCKET DIRECTORY: volumes are the directories of DIRECTORY/volumes, what there is to
say of one is in DIRECTORY/NAME.json; DIRECTORY/containers.json lists containers; each request is a
line of DIRECTORY/log; while DIRECTORY/stubborn is there no volume is removed.
"""
import http.server
import json
import os
import shutil
import socketserver
import sys
from urllib.parse import unquote

SOCKET, HOME = sys.argv[1:3]


def path(*parts):
    return os.path.join(HOME, *parts)


def load(name, default):
    try:
        with open(path(name)) as file:
            return json.load(file)
    except FileNotFoundError:
        return default


def volume(name):
    data = path("volumes", name, "_data")
    created = "2020-02-03T04:05:06Z" if os.path.exists(data) else "0001-01-01T00:00:00Z"
    return {"Name": name, "Driver": "local", "Mountpoint": data, "CreatedAt": created,
            "Labels": None, "Options": None, "Scope": "local", **load(name + ".json", {})}


def users(name):
    return [c["Id"] for c in load("containers.json", [])
            if any(m.get("Name") == name for m in c["Mounts"])]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "-"

    def log_message(self, *args):
        pass

    def answer(self, status, value):
        body = b"" if value is None else json.dumps(value).encode()
        with open(path("log"), "a") as log:
            log.write(f"{self.command} {self.path} {status}\n")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/volumes":
            names = sorted(os.listdir(path("volumes")))
            self.answer(200, {"Volumes": [volume(n) for n in names], "Warnings": None})
        elif self.path == "/containers/json?all=1":
            self.answer(200, load("containers.json", []))
        else:
            self.answer(404, {"message": "page not found"})

    def do_DELETE(self):
        name = unquote(self.path.removeprefix("/volumes/"))
        if os.path.exists(path("stubborn")):
            self.answer(500, {"message": f"remove {name}: not today"})
        elif users(name):
            self.answer(409, {"message": f"remove {name}: volume is in use - {users(name)}"})
        else:
            shutil.rmtree(path("volumes", name))
            self.answer(204, None)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        os.makedirs(path("volumes", body["Name"], "_data"))
        with open(path(body["Name"] + ".json"), "w") as file:
            json.dump({"Labels": body["Labels"]}, file)
        self.answer(201, volume(body["Name"]))


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


if __name__ == "__main__":
    with Server(SOCKET, Handler) as server:
        server.serve_forever()
