"""What a stack waits for: the URLs of wait condition handles, and what was sent to them."""

import itertools
import json
import threading
import time
import uuid

CHANGED = threading.Condition()
HANDLES = {}


class Handle:
    """One URL, and each signal that came by the id that its sender gave it."""

    def __init__(self, base):
        self.id = uuid.uuid4().hex
        self.url = f"{base}/_ctl/signal/{self.id}"
        self.got = {}
        HANDLES[self.id] = self


def take(handle, text):
    """Takes a signal; says why not."""
    try:
        signal = json.loads(text)
        if signal["Status"] not in ("SUCCESS", "FAILURE"):
            return "Status is neither SUCCESS nor FAILURE"
        entry = {key: str(signal.get(key, "")) for key in ("Status", "UniqueId", "Reason", "Data")}
        if not entry["UniqueId"]:
            return "no UniqueId"
    except (ValueError, KeyError, TypeError) as why:
        return f"not a signal: {why!r}"
    with CHANGED:
        # The first of an id counts, as with AWS.
        HANDLES[handle].got.setdefault(entry["UniqueId"], entry)
        CHANGED.notify_all()
    return None


def wait(seconds):
    with CHANGED:
        CHANGED.wait(seconds)


class Waiting:
    """A wait condition that waits."""

    def __init__(self, properties, settings):
        self.handle = HANDLES[properties["Handle"].rsplit("/", 1)[1]]
        self.count = int(properties.get("Count", 1))
        timeout = settings["wait_ms"]
        self.until = time.monotonic() + (int(properties["Timeout"]) if timeout is None else timeout / 1000)
        if settings["signal"]:
            for number in itertools.islice(itertools.count(1), self.count):
                sent = {"Status": "SUCCESS", "UniqueId": f"auto-{number}", "Data": "signalled by the fake"}
                take(self.handle.id, json.dumps(sent))

    def complete(self):
        """Whether all signals came. Raises what the stack fails with."""
        got = list(self.handle.got.values())
        for one in got:
            if one["Status"] == "FAILURE":
                raise ValueError(
                    f"WaitCondition received failed message: '{one['Reason']}' for uniqueId: {one['UniqueId']}"
                )
        if len(got) >= self.count:
            return True
        if time.monotonic() > self.until:
            raise ValueError(
                f"WaitCondition timed out. Received {len(got)} conditions when expecting {self.count}"
            )
        return False
