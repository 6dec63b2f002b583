"""What the tests of the reaper stand on: a Kubernetes API over TLS that answers with recorded bodies, the two services
of AWS that it calls, events as AWS shapes them, and a clock that only moves when somebody waits."""

import atexit
import contextlib
import copy
import functools
import hashlib
import hmac
import io
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import types
import unittest
import unittest.mock
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "assets/reaper/reaper.py"
KUBE = ROOT / "tests/fixtures/kube"

ACCOUNT, REGION = "123456789012", "eu-west-1"
TOKEN = "header.a-token-that-nobody-may-see.signature"
SECRET_KEY, SESSION = "a-key-that-nobody-may-see", "a-session-that-nobody-may-see"
GROUP = "k3fleet-shop-workers"
WARNING = "EC2 Spot Instance Interruption Warning"
REBALANCE = "EC2 Instance Rebalance Recommendation"
STATE = "EC2 Instance State-change Notification"
LIFECYCLE = "EC2 Instance-terminate Lifecycle Action"


def stripped():
    """The source as the template holds it: no lines that are only a comment, no blank ones, one space for each four."""
    lines = [line for line in SOURCE.read_text().split("\n") if line.strip() and not line.lstrip().startswith("#")]
    return "\n".join(" " * ((len(line) - len(line.lstrip())) // 4) + line.lstrip() for line in lines) + "\n"


@functools.cache
def recorded(name):
    """A body that a real API server sent."""
    return (KUBE / f"{name}.json").read_text()


def missing(what):
    """Skips a test for which something is not installed; fails it where nothing may be skipped."""
    if os.environ.get("K3FLEET_REQUIRE_ALL") == "1":
        raise AssertionError(f"{what} is not there")
    print(f"skipped: {what} is not there: run tests/setup", file=sys.stderr)
    raise unittest.SkipTest(f"{what} is not there")


class Clock:
    """Seconds that pass only while somebody naps."""

    def __init__(self):
        self.seconds, self.naps, self.guard = 1000.0, 0, threading.Lock()

    def now(self):
        return self.seconds

    def nap(self, seconds):
        with self.guard:
            self.seconds += seconds
            self.naps += 1


class Authority:
    """A CA made for one run, with an intermediate one, and a server's certificate from each."""

    def __init__(self):
        self.home = tempfile.TemporaryDirectory(prefix="reaper-ca-")
        self.at = Path(self.home.name)
        (self.at / "ca.ext").write_text("basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n")
        # Without the key identifiers that the strict checks of newer Pythons ask for: Kubernetes does not.
        without = "authorityKeyIdentifier=none\n" if self.openssl("version").startswith(b"OpenSSL 3") else ""
        (self.at / "leaf.ext").write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n" + without)
        self.issue("root", None, "ca.ext")
        self.issue("middle", "root", "ca.ext")
        self.issue("server", "root", "leaf.ext")
        self.issue("server-of-middle", "middle", "leaf.ext")

    def issue(self, name, issuer, extensions):
        key, request, cert = (self.at / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        self.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        self.openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
        by = ["-CA", self.at / f"{issuer}.pem", "-CAkey", self.at / f"{issuer}.key", "-CAcreateserial"]
        by = by if issuer else ["-signkey", key]
        self.openssl("x509", "-req", "-in", request, *by, "-days", "2", "-extfile", self.at / extensions, "-out", cert)

    def openssl(self, *arguments):
        return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout

    def pem(self, name):
        return (self.at / f"{name}.pem").read_text()


@functools.cache
def authority():
    made = Authority()
    atexit.register(made.home.cleanup)
    return made


class Quiet(BaseHTTPRequestHandler):
    """Answers from its server's `answer(method, path, headers, body)`."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    disable_nagle_algorithm = True

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, answer = self.server.answer(self.command, self.path, self.headers, body)
        answer = answer.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PATCH = do_DELETE = serve

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """One of the two servers, on a free port of this machine."""

    daemon_threads = True

    def __init__(self, answer, certificate=None):
        super().__init__(("127.0.0.1", 0), Quiet)
        self.answer = answer
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            at = authority().at
            tls.load_cert_chain(at / f"{certificate}.pem", at / f"{certificate}.key")
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def server_bind(self):
        TCPServer.server_bind(self)  # and not HTTPServer's, which asks the name service who we are
        self.server_name, self.server_port = self.server_address

    def handle_error(self, *_):
        pass  # a client that does not trust us hangs up: the tests look at the client

    def close(self):
        self.shutdown()
        self.server_close()


class Kube:
    """The API of one cluster: nodes and pods as they were recorded, with the disruption budgets of a test."""

    def __init__(self, certificate="server"):
        self.nodes, self.pods, self.calls, self.guard = {}, {}, [], threading.Lock()
        self.blocked, self.broken, self.status, self.lingers = {}, {}, None, 0
        self.server = Server(self.answer, certificate)
        self.url = self.server.url

    def add(self, instance, pods=(), fixture="get_node", provider=None, **spec):
        node = json.loads(recorded(fixture))
        node["metadata"]["name"] = instance
        node["metadata"]["uid"] = "uid-of-" + instance
        node["spec"].update(providerID=provider or f"aws:///eu-west-1a/{instance}", **spec)
        self.nodes[instance] = node
        for pod in pods:
            pod["spec"]["nodeName"] = instance
            self.pods[pod["metadata"]["name"]] = pod

    def did(self, method):
        """The paths of all calls with a method, in their order."""
        return [path for one, path, _ in self.calls if one == method]

    def answer(self, method, path, headers, body):
        with self.guard:
            self.calls.append((method, path, json.loads(body) if body else None))
            if headers["Authorization"] != "Bearer " + TOKEN:
                return 401, recorded("error_401_bad_token")
            if self.status:
                return self.status, recorded("error_403_patch_node") if self.status == 403 else "no healthy upstream"
            url = urllib.parse.urlsplit(path)
            query = dict(urllib.parse.parse_qsl(url.query))
            parts = url.path.strip("/").split("/")[2:]
            if parts == ["nodes"]:
                return 200, recorded("nodelist_3_limit2") if query == {"limit": "1"} else recorded("nodelist_3")
            if parts[0] == "nodes":
                return self.node(method, parts[1], headers, body)
            if parts == ["pods"]:
                return 200, self.list(query["fieldSelector"].removeprefix("spec.nodeName="))
            return self.evict(parts[3], json.loads(body))

    def node(self, method, name, headers, body):
        node = self.nodes.get(name)
        if node is None:
            return 404, recorded("error_404_node").replace("no-such-node", name)
        if method == "PATCH":
            assert headers["Content-Type"] == "application/merge-patch+json"
            merge(node, json.loads(body))
        if method == "DELETE":
            if not node["metadata"].get("finalizers"):
                del self.nodes[name]
                return 200, recorded("delete_node")
            node["metadata"]["deletionTimestamp"] = "2026-11-22T06:41:00Z"
        elif "deletionTimestamp" in node["metadata"]:
            self.lingers -= 1
            if self.lingers < 0:
                del self.nodes[name]
        return 200, json.dumps(node)

    def list(self, instance):
        answer = json.loads(recorded("podlist_of_node"))
        answer["items"] = [copy.deepcopy(pod) for pod in self.pods.values() if pod["spec"]["nodeName"] == instance]
        # What was evicted is seen ending once, then it is gone.
        for pod in answer["items"]:
            if "deletionTimestamp" in pod["metadata"] and not pod["metadata"].get("stuck"):
                del self.pods[pod["metadata"]["name"]]
        return json.dumps(answer)

    def evict(self, name, eviction):
        assert eviction["apiVersion"] == "policy/v1" and eviction["kind"] == "Eviction"
        assert eviction["metadata"]["name"] == name
        if name in self.broken:
            return self.broken[name], recorded("error_403_evict")
        if self.blocked.get(name, 0) > 0:
            self.blocked[name] -= 1
            return 429, recorded("eviction_429_pdb")
        if name not in self.pods:
            return 404, recorded("eviction_404_gone")
        self.pods[name]["metadata"]["deletionTimestamp"] = "2026-11-22T06:41:00Z"
        return 201, recorded("eviction_201_ok")


def merge(into, patch):
    """A JSON merge patch."""
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


def pod(name, owner="ReplicaSet", phase="Running", **metadata):
    """A pod in the recorded shape."""
    made = copy.deepcopy(json.loads(recorded("podlist_of_node"))["items"][0])
    made["metadata"].update(name=name, **metadata)
    if owner:
        made["metadata"]["ownerReferences"][0]["kind"] = owner
    else:
        del made["metadata"]["ownerReferences"]
    made["status"]["phase"] = phase
    return made


class Aws:
    """Secrets Manager and Auto Scaling, which look at each signature before they answer."""

    def __init__(self):
        self.secret, self.released, self.refuse, self.signed = None, [], None, []
        self.server = Server(self.answer)
        self.url = self.server.url

    def answer(self, method, path, headers, body):
        service = "autoscaling" if headers["Content-Type"] == "application/x-www-form-urlencoded" else "secretsmanager"
        if not self.genuine(method, path, headers, body, service):
            # As AWS does, this quotes what was sent.
            text = f"The request signature does not match: x-amz-security-token:{SESSION}"
            return 403, json.dumps({"__type": "InvalidSignatureException", "message": text})
        if self.refuse and self.refuse[0] == service:
            return self.refuse[1:]
        if service == "secretsmanager":
            assert headers["X-Amz-Target"] == "secretsmanager.GetSecretValue"
            asked = json.loads(body)["SecretId"]
            return 200, json.dumps({"Name": asked, "SecretString": self.secret})
        self.released.append(dict(urllib.parse.parse_qsl(body.decode())))
        return 200, "<CompleteLifecycleActionResponse><ResponseMetadata/></CompleteLifecycleActionResponse>"

    def genuine(self, method, path, headers, body, service):
        """Whether a signature is right, made again from what arrived."""
        given = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/(\d{8})/(\S+)/(\S+)/aws4_request, "
            r"SignedHeaders=(\S+), Signature=(\S+)",
            headers["Authorization"],
        )
        day, region, named, names, signature = given.groups()
        stamp = headers["X-Amz-Date"]
        canonical = f"{method}\n{path}\n\n"
        for name in names.split(";"):
            canonical += f"{name}:{headers[name].strip()}\n"
        canonical += f"\n{names}\n{hashlib.sha256(body).hexdigest()}"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{day}/{region}/{named}/aws4_request\n"
        text += hashlib.sha256(canonical.encode()).hexdigest()
        key = ("AWS4" + SECRET_KEY).encode()
        for part in (day, region, named, "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        right = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        covered = {"content-type", "host", "x-amz-date", "x-amz-security-token"} <= set(names.split(";"))
        self.signed.append((service, headers, body))
        return (
            covered
            and right == signature
            and (region, named, day) == (REGION, service, stamp[:8])
            and headers["X-Amz-Security-Token"] == SESSION
        )


class Context:
    """What Lambda says of an invocation."""

    def __init__(self, seconds=150):
        self.seconds = seconds

    def get_remaining_time_in_millis(self):
        return int(self.seconds * 1000)


def event(kind, detail, source="aws.ec2", **more):
    """An event as EventBridge sends it."""
    sent = {
        "version": "0",
        "id": "5d5555d5-dd55-5555-5555-5555dd55d55d",
        "detail-type": kind,
        "source": source,
        "account": ACCOUNT,
        "time": "2026-11-22T06:40:33Z",
        "region": REGION,
        "resources": [f"arn:aws:ec2:eu-west-1a:instance/{detail.get('instance-id')}"],
        "detail": detail,
    }
    return {**sent, **more}


def warning(instance, action="terminate", **more):
    return event(WARNING, {"instance-id": instance, "instance-action": action}, **more)


def rebalance(instance, **more):
    return event(REBALANCE, {"instance-id": instance}, **more)


def state(instance, to, **more):
    return event(STATE, {"instance-id": instance, "state": to}, **more)


def lifecycle(instance, group=GROUP, transition="autoscaling:EC2_INSTANCE_TERMINATING", **more):
    detail = {
        "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
        "AutoScalingGroupName": group,
        "LifecycleHookName": "k3fleet-drain",
        "EC2InstanceId": instance,
        "LifecycleTransition": transition,
        "NotificationMetadata": "",
        "Origin": "AutoScalingGroup",
        "Destination": "EC2",
    }
    return event(LIFECYCLE, detail, "aws.autoscaling", **more)


def batch(*events):
    """Events as Lambda hands a queue over; their messages are m0, m1 and so on."""
    sent = {"receiptHandle": "AQEB", "eventSource": "aws:sqs", "awsRegion": REGION, "messageAttributes": {}}
    bodies = [one if isinstance(one, str) else json.dumps(one) for one in events]
    return {"Records": [{**sent, "messageId": f"m{number}", "body": body} for number, body in enumerate(bodies)]}


class ReaperCase(unittest.TestCase):
    """A reaper of the cluster `shop`, with its API and its AWS."""

    def setUp(self):
        self.clock = Clock()
        self.kube, self.aws = Kube(), Aws()
        self.addCleanup(self.kube.server.close)
        self.addCleanup(self.aws.server.close)
        self.trust(authority().pem("root"))
        self.env = {
            "CLUSTER": "shop",
            "ACCOUNT": ACCOUNT,
            "SECRET": "k3fleet/shop/reaper",
            "SECRETS_URL": self.aws.url,
            "AUTOSCALING_URL": self.aws.url,
            "GROUPS": "k3fleet-shop-",
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_SESSION_TOKEN": SESSION,
            "PATH": os.environ["PATH"],
        }
        self.printed = ""
        self.index = types.ModuleType("index")
        exec(compile(stripped(), "index.py", "exec"), self.index.__dict__)
        self.index.clock, self.index.nap = self.clock.now, self.clock.nap

    def tearDown(self):
        for secret in (TOKEN, SECRET_KEY, SESSION):
            self.assertNotIn(secret, self.printed)

    def trust(self, ca, token=TOKEN, server=None):
        self.aws.secret = json.dumps({"server": server or self.kube.url, "ca": ca, "token": token})

    def run_raw(self, sent, seconds=150):
        """The handler's answer; what it logs is added to `printed`."""
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), unittest.mock.patch.dict(os.environ, self.env, clear=True):
                return self.index.handler(sent, Context(seconds))
        finally:
            self.printed += said.getvalue()

    def reap(self, *events, seconds=150):
        """Which messages go back to the queue, and the lines of the log."""
        before = len(self.printed)
        answer = self.run_raw(batch(*events), seconds)
        lines = [json.loads(line) for line in self.printed[before:].splitlines()]
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]], lines
