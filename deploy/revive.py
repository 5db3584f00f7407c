"""Which containers of this deployment were killed, and not told to stop? They are started again.

Docker takes `docker kill` for the wish that a container stay down, whatever its restart policy. Who is told to stop hears the stop signal
first; who is killed hears nothing but SIGKILL. This listens to the engine's events and starts the latter again. The engine's socket is as
good as being root on the machine: so it has no network, takes no other input, and needs no package.
"""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

ENGINE = "/engine/docker.sock"
KILLED = {"9", "SIGKILL", "KILL"}
AGAIN_SECONDS = 5  # until the engine is asked again, if it does not answer
TRIES = 10  # a second apart: a container may still be on its way down


class Engine(http.client.HTTPConnection):
    """One request to the engine."""

    def __init__(self, path: str, timeout: float | None = 30) -> None:
        super().__init__("engine", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def asked(path: str, method: str, address: str) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    engine = Engine(path)
    try:
        engine.request(method, address)
        answer = engine.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body else None
    finally:
        engine.close()


def events(path: str, project: str) -> Iterator[dict[str, Any]]:
    """What happens to the containers of a Compose project, from now on."""
    engine = Engine(path, timeout=None)
    wanted = {
        "type": ["container"],
        "event": ["kill", "die", "start", "destroy"],
        "label": [f"com.docker.compose.project={project}", "com.docker.compose.oneoff=False"],
    }
    try:
        engine.request("GET", f"/events?filters={quote(json.dumps(wanted))}")
        answer = engine.getresponse()
        if answer.status != http.client.OK:
            raise OSError(f"the engine answered {answer.status}")
        print(f"revive: whatever of {project} is killed and not told to stop is started again", flush=True)
        while line := answer.readline():
            yield json.loads(line)
    finally:
        engine.close()


def killed(happened: Iterator[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Id and name of each container that died of a SIGKILL, when the stop signal had not come before it."""
    signals: dict[str, set[str]] = {}
    for event in happened:
        actor = event["Actor"]
        heard, told = signals.setdefault(actor["ID"], set()), actor.get("Attributes", {})
        if event["Action"] == "kill":
            heard.add(str(told.get("signal", "")).upper())
            continue
        del signals[actor["ID"]]
        if event["Action"] == "die" and heard and heard <= KILLED:
            yield actor["ID"], told.get("name", actor["ID"][:12])


def revived(path: str, container: str, name: str) -> None:
    said = None
    for _ in range(TRIES):
        status, found = asked(path, "GET", f"/containers/{container}/json")
        if status == http.client.NOT_FOUND:
            return  # it was removed by force
        if found["HostConfig"]["RestartPolicy"]["Name"] in {"", "no"} or found["State"]["Running"]:
            return
        status, said = asked(path, "POST", f"/containers/{container}/start")
        if status in {http.client.NO_CONTENT, http.client.NOT_MODIFIED}:
            print(f"revive: {name} was killed: started again", flush=True)
            return
        time.sleep(1)
    print(f"revive: {name} was killed and does not start: {said}", flush=True)


def watch(path: str, myself: str) -> None:
    """Raise OSError where the engine does not answer, or no longer."""
    _, found = asked(path, "GET", f"/containers/{myself}/json")
    project = found["Config"]["Labels"]["com.docker.compose.project"]
    for container, name in killed(events(path, project)):
        revived(path, container, name)
    raise OSError("the engine ended its events")


def main() -> None:
    said = ""
    while True:
        try:
            watch(ENGINE, socket.gethostname())
        except (OSError, http.client.HTTPException) as error:
            if str(error) != said:
                said = str(error)
                remedy = "where its socket lies elsewhere than in /var/run: DOCKER_SOCKET_DIR=/its/folder docker compose up -d"
                print(f"revive: the engine does not answer ({said}): nothing is started again after `docker kill`; {remedy}", flush=True)
            time.sleep(AGAIN_SECONDS)


if __name__ == "__main__":
    main()
