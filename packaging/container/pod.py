# SPDX-License-Identifier: ISC
"""Runs the Pod of a manifest without Kubernetes: a stand-in for kubelet and a container engine, for tests.

It makes the volumes as kubelet does: the folder of a ConfigMap has mode 0777, holds a link to the newest of its folders
and is mounted read-only; an emptyDir in memory is a tmpfs with mode 1777, another is a folder with mode 0777. Each
container has the user, capabilities, root file system and mounts of the manifest, and a PID namespace of its own. All
of them share the network of the caller. It needs root and bubblewrap.
"""
import os
import pathlib
import subprocess
import yaml


class Pod:
    """images: from the name of an image to (the folder of its files, its entry point, its arguments)."""

    def __init__(self, manifest, images, work):
        documents = list(yaml.safe_load_all(pathlib.Path(manifest).read_text()))
        of_kind = lambda kind: {d["metadata"]["name"]: d for d in documents if d["kind"] == kind}
        self.maps = of_kind("ConfigMap")
        self.spec = next(iter(of_kind("Deployment").values()))["spec"]["template"]["spec"]
        self.images, self.work = images, pathlib.Path(work)
        self.work.chmod(0o755)  # as on a node: users are kept out by the folders above
        self.running, self.revision = {}, 0
        for volume in self.spec["volumes"]:
            self._make(volume)

    def _place(self, name):
        return self.work / "volumes" / name

    def _make(self, volume):
        place = self._place(volume["name"])
        place.mkdir(parents=True)
        place.chmod(0o777)
        if "configMap" in volume:
            self.publish(volume["name"], self.maps[volume["configMap"]["name"]]["data"])
        elif volume["emptyDir"].get("medium") == "Memory":
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", place], check=True)

    def publish(self, name, data):
        """Gives a ConfigMap's volume new content, in one step."""
        place = self._place(name)
        self.revision += 1
        folder = place / f"..2026_01_01_00_00_00.{self.revision}"
        folder.mkdir()
        folder.chmod(0o755)
        for file, text in data.items():
            (folder / file).write_text(text)
            (folder / file).chmod(0o644)
        (place / "..data_tmp").symlink_to(folder.name)
        (place / "..data_tmp").rename(place / "..data")
        for file in data:
            if not (place / file).is_symlink():
                (place / file).symlink_to(f"..data/{file}")

    def _find(self, name):
        every = self.spec.get("initContainers", []) + self.spec["containers"]
        return next(c for c in every if c["name"] == name)

    def _line(self, container, command):
        """The command line that starts a command in a container."""
        own, pod = container.get("securityContext", {}), self.spec.get("securityContext", {})
        config_maps = {v["name"] for v in self.spec["volumes"] if "configMap" in v}
        root = self.images[container["image"]][0]
        line = ["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session", "--clearenv",
                "--setenv", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin", "--setenv", "LC_ALL", "C.UTF-8",
                "--cap-add", "ALL", "--ro-bind" if own.get("readOnlyRootFilesystem") else "--bind", root, "/", "--dev", "/dev", "--proc", "/proc"]
        for mount in container.get("volumeMounts", []):
            read_only = mount.get("readOnly") or mount["name"] in config_maps
            os.makedirs(root + mount["mountPath"], exist_ok=True)  # as an engine does, before the root is read-only
            line += ["--ro-bind" if read_only else "--bind", str(self._place(mount["name"])), mount["mountPath"]]
        user, group = (str(own.get(k, pod.get(k, 0))) for k in ("runAsUser", "runAsGroup"))
        line += ["setpriv", "--reuid", user, "--regid", group, "--clear-groups"]
        if own.get("allowPrivilegeEscalation") is False:
            line += ["--no-new-privs"]
        if own.get("capabilities", {}).get("drop") == ["ALL"]:
            line += ["--bounding-set=-all", "--inh-caps=-all"]
        return line + command

    def _command(self, container):
        _, entry, arguments = self.images[container["image"]]
        if "command" in container:
            return container["command"] + container.get("args", [])
        return entry + container.get("args", arguments)

    def start(self):
        """Runs the init containers one after the other, then starts the others."""
        for container in self.spec.get("initContainers", []):
            subprocess.run(self._line(container, self._command(container)), check=True, stdout=subprocess.DEVNULL)
        for container in self.spec["containers"]:
            log = open(self.work / f"{container['name']}.log", "wb")
            self.running[container["name"]] = subprocess.Popen(
                self._line(container, self._command(container)), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def execute(self, name, command, check=True):
        """As `kubectl exec` does. Returns the result, with its output."""
        return subprocess.run(self._line(self._find(name), command), check=check, capture_output=True, text=True)

    def log(self, name):
        return (self.work / f"{name}.log").read_text()

    def stop(self):
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.wait()
        for volume in self.spec["volumes"]:
            if os.path.ismount(self._place(volume["name"])):
                subprocess.run(["umount", self._place(volume["name"])], check=True)
