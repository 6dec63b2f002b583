"""What tests set and ask at `/_ctl`: how stacks behave, which calls fail, which calls were made. All of it belongs to
one account, so that tests that share a server see nothing of each other."""

import collections
import sys
import threading
import time
import traceback

# How stacks of an account behave: milliseconds between their events (0: done when the call returns), resources that
# fail, whether wait conditions signal themselves, and after how many milliseconds those give up (none: what the template
# says). With `own_errors` what moto lacks is an error that no SDK tries again, where moto's own is a page with status 500.
DEFAULTS = {"step_ms": 0, "fail": {}, "signal": False, "wait_ms": None, "own_errors": False}

LOCK = threading.Lock()
SETTINGS, FAULTS = {}, collections.defaultdict(list)
CALLS = collections.deque(maxlen=50_000)


def settings(account):
    with LOCK:
        return SETTINGS.setdefault(account, dict(DEFAULTS))


def configure(account, wanted):
    """Changes what is named; says why not."""
    unknown = set(wanted) - set(DEFAULTS)
    if unknown:
        return f"no such settings: {', '.join(sorted(unknown))}"
    settings(account).update(wanted)
    return None


def stack_fault(account, logical_id, action):
    """Why a resource is to fail now: `fail` has a reason for its creation, or the action and for how many times too."""
    with LOCK:
        fault = SETTINGS.get(account, DEFAULTS)["fail"].get(logical_id)
        if isinstance(fault, str):
            fault = {"reason": fault}
        if not fault or fault.get("on", "create") != action:
            return None
        if "times" in fault:
            if fault["times"] <= 0:
                return None
            fault["times"] -= 1
        return fault["reason"]


def add_fault(account, fault):
    """A call that is to fail: `service`, `action`, and `code`, `message`, `status`, `times`, `after`, `delay_ms`.
    Without a code it is only slow. Says why not."""
    known = {"service", "action", "code", "message", "status", "times", "after", "delay_ms"}
    if unknown := set(fault) - known:
        return f"no such fields: {', '.join(sorted(unknown))}"
    if missing := {"service", "action"} - set(fault):
        return f"a fault needs: {', '.join(sorted(missing))}"
    with LOCK:
        FAULTS[account].append({"times": 1, "after": 0, "delay_ms": 0, **fault})
    return None


def fault_of(account, service, action):
    """What a call meets, counted down."""
    with LOCK:
        for fault in FAULTS[account]:
            if fault["service"] != service or fault["action"] not in (action, "*") or fault["times"] == 0:
                continue
            if fault["after"] > 0:
                fault["after"] -= 1
                continue
            # Fewer than none is without end.
            fault["times"] -= fault["times"] > 0
            return dict(fault)
    return None


def record(account, region, service, action):
    call = {"account": account, "region": region, "service": service, "action": action, "at": time.time()}
    CALLS.append(call)
    return call


def calls(**only):
    return [call for call in list(CALLS) if all(call[key] == value for key, value in only.items() if value)]


def forget(account):
    """Puts an account's settings, faults and calls back."""
    with LOCK:
        SETTINGS.pop(account, None)
        FAULTS.pop(account, None)
        kept = [call for call in CALLS if call["account"] != account]
        CALLS.clear()
        CALLS.extend(kept)


def log_failure():
    print(traceback.format_exc(), file=sys.stderr, flush=True)
