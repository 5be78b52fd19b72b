# SPDX-License-Identifier: ISC
"""Follows examples/kubernetes/README.md with examples/kubernetes/first-token.yaml and the images: see check.sh.

Arguments: a folder for the work, and for each image the folder of its files, with the name of the image; FOLDER.json is
what Buildah says of it. The caller gives it a network of its own.
"""
import json
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
from pod import Pod  # noqa: E402

AUTHD = "http://127.0.0.1:9180"
checks = 0


def same(what, expected, got):
    global checks
    checks += 1
    if expected != got:
        sys.exit(f"FAIL {what}: expected {expected!r}, got {got!r}")


def ask(path, token=None, url="/auth"):
    """Asks esp-token-authd as ingress-nginx does, and returns (status, headers)."""
    request = urllib.request.Request(AUTHD + url, headers={"X-Original-URL": f"https://analytics.example{path}"})
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers
    except urllib.error.URLError:
        return 0, {}


def until(what, expected, question):
    end = time.monotonic() + 60
    while time.monotonic() < end and question() != expected:
        time.sleep(0.05)
    same(what, expected, question())


def images():
    found = {}
    for folder in sys.argv[2:]:
        name, config = pathlib.Path(folder).name, json.loads(pathlib.Path(folder + ".json").read_text())["OCIv1"]["config"]
        found[name] = (folder, config.get("Entrypoint") or [], config.get("Cmd") or [])
        same(f"the user of {name}", "10001:10001", config["User"])
    same("what the edge runs", ["/usr/bin/esp-tokenctl", "fleet", "follow"], sum(found["esp-token-edge"][1:], []))
    return found


def run(pod):
    pod.start()
    until("esp-token-authd is ready", 200, lambda: ask("/", url="/healthz")[0])
    tool = lambda *words, **options: pod.execute("tool", ["esp-tokenctl", *words], **options)
    token = tool("entity", "add", "acme", "--kind", "customer", "-q").stdout.strip()
    status, headers = ask("/metrics/kpi.join_time", token)
    same("the first token", (200, "acme", "lite"), (status, headers["X-ESP-Entity"], headers["X-ESP-Tier"]))
    same("a metric of another tier", 403, ask("/metrics/asn.traffic", token)[0])
    same("no token", 401, ask("/metrics/kpi.join_time")[0])

    table = pod.maps["esp-token"]["data"]
    pod.publish("config", table | {"tiers.ini": table["tiers.ini"].replace("metrics = kpi.*\n", "metrics = kpi.* asn.*\n", 1)})
    until("a changed ConfigMap", 200, lambda: ask("/metrics/asn.traffic", token)[0])
    pod.publish("config", table | {"tiers.ini": "[lite"})
    same("the tool refuses a broken table", 5, tool("create", "acme", "more", check=False).returncode)
    same("a broken table changes nothing", 200, ask("/metrics/asn.traffic", token)[0])
    pod.publish("config", table)

    same("check", "no findings\n", tool("check").stdout)
    until("uses are counted", True, lambda: int(json.loads(tool("show", "acme/default", "--json").stdout)["uses"]) >= 3)
    tool("edit", "acme/default", "--status", "inactive")
    same("a token that is off", 401, ask("/metrics/kpi.join_time", token)[0])

    # what a host may not do
    same("the user", "10001\n", pod.execute("authd", ["id", "-u"]).stdout)
    capabilities = pod.execute("authd", ["grep", "^Cap", "/proc/self/status"]).stdout.split()[1::2]
    same("capabilities", {"0000000000000000"}, set(capabilities))
    for place in ("/var/lib/esp-token/store/tokens.mdb", "/var/lib/esp-token/other", "/etc/esp-token/tiers.ini", "/usr/bin/x"):
        same(f"write {place}", 2, pod.execute("authd", ["sh", "-c", f"echo x >>{place}"], check=False).returncode)
    same("a text in a log", False, any(token.split("_")[2] in pod.log(name) for name in pod.running))


def main():
    pod = Pod("examples/kubernetes/first-token.yaml", images(), sys.argv[1])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    try:
        run(pod)
    except BaseException as error:
        for name in pod.running:
            print(f"{name}: {pod.log(name)}", file=sys.stderr)
        sys.exit(f"FAIL {error}: {getattr(error, 'stderr', '')}")
    finally:
        pod.stop()
    print(f"{checks} passed, 0 failed")


main()
