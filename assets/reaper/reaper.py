# k3fleet's reaper: does to a machine's node what EC2 and Auto Scaling say of the machine, before the machine is gone.
#
# EventBridge puts each event into a queue, Lambda hands the queue over in batches. What could not be done goes back to
# the queue, and in the end to its dead letters; all may come twice. Each event leaves one line of JSON in the log.
#
# It stands in the cluster's template, without the lines that are only a comment: every other byte counts.
import hashlib, hmac, http.client, json, os, re, ssl, sys, threading, time, urllib.parse
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

ENV = os.environ.get
clock, nap = time.monotonic, time.sleep
# Seconds for which a failing request is tried again, and seconds that a drain leaves for what comes after it.
PATIENCE, RESERVE = 20, 15
# When the reaper cordoned a node: the time of the event that asked for it.
NOTE = "k3fleet.dev/cordoned"
# Members leave etcd one at a time.
ETCD = threading.Lock()
# What each event asks for, the most urgent first. A stopped instance may come back as the same node: it is cordoned,
# and itself again once it runs.
STEPS = {
    "EC2 Spot Instance Interruption Warning": "cordon drain",
    "EC2 Instance-terminate Lifecycle Action": "cordon drain delete release",
    "EC2 Instance Rebalance Recommendation": "cordon",
    "stopping": "cordon",
    "stopped": "cordon",
    "shutting-down": "delete",
    "terminated": "delete",
    "running": "uncordon",
    "k3fleet test": "test",
    "": "",
}
URGENT = list(STEPS.values())


# The API or AWS did not answer as it should: the event must come again. Its text never holds a secret.
class Trouble(Exception):
    pass


# Lambda's entry: a batch of SQS messages, or one event as it is.
def handler(batch, context):
    end = clock() + context.get_remaining_time_in_millis() / 1000
    records = batch.get("Records", [{"messageId": "", "body": json.dumps(batch)}])
    jobs = sorted((Job(record, lambda: end - clock()) for record in records), key=lambda job: URGENT.index(job.steps))
    try:
        access = jobs and jobs[0].steps and reach(jobs[0].left)
    except Trouble as why:
        access = why
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda job: job.run(access), jobs))
    failed = [job for job in jobs if "error" in job.line]
    if failed and "Records" not in batch:
        raise Trouble(failed[0].line["error"])
    return {"batchItemFailures": [{"itemIdentifier": job.id} for job in failed]}


class Job:
    def __init__(self, record, left):
        self.id, self.left = record["messageId"], left
        try:
            event = json.loads(record["body"])
            self.detail = detail = dict(event.get("detail") or {})
        except (ValueError, TypeError, AttributeError):
            event = self.detail = detail = {}
        kind, self.time = str(event.get("detail-type")), str(event.get("time"))
        self.name = str(detail.get("instance-id") or detail.get("EC2InstanceId") or "")
        self.path = "/api/v1/nodes/" + self.name
        self.line = {"reaper": ENV("CLUSTER"), "event": event.get("id"), "kind": kind, "instance": self.name}
        state = kind == "EC2 Instance State-change Notification"
        self.steps = STEPS.get(str(detail.get("state")) if state else kind, "")
        if "release" in self.steps and not (
            ours(str(detail.get("AutoScalingGroupName")))
            and detail.get("LifecycleTransition") == "autoscaling:EC2_INSTANCE_TERMINATING"
        ):
            self.steps = ""
        if ENV("ACCOUNT", event.get("account")) != event.get("account", ENV("ACCOUNT")):
            self.steps = ""

    def run(self, access):
        begun, self.line["done"] = clock(), []
        try:
            if self.steps:
                self.act(access)
        except Trouble as why:
            self.line["error"] = str(why)
        except Exception as why:
            # Only its kind: its text could quote a header, and with it the token.
            self.line["error"] = type(why).__name__
        self.line["ms"] = round((clock() - begun) * 1000)
        sys.stdout.write(json.dumps(self.line) + "\n")

    def act(self, access):
        if self.left() < RESERVE:
            raise Trouble("not begun: no time was left")
        if isinstance(access, Trouble):
            raise access
        host, port, self.token, tls = access
        # Events tell of all instances of the region: a node is ours if it says itself that it runs on this one.
        with closing(http.client.HTTPSConnection(host, port, timeout=5, context=tls)) as self.link:
            found = re.fullmatch("i-[0-9a-f]+", self.name) and self.ask("GET", self.path) or {"spec": {}}
            self.node = re.fullmatch("aws://.*/" + self.name, found["spec"].get("providerID", "")) and found
            self.line["node"] = bool(self.node)
            for step in self.steps.split():
                if (self.node or step in ("release", "test")) and getattr(self, step)() is not False:
                    self.line["done"].append(step)

    def test(self):
        self.ask("GET", "/api/v1/nodes?limit=1")

    def cordon(self):
        # A cordon that somebody else made gets no note: it stays when the instance comes back.
        if not self.node["spec"].get("unschedulable"):
            self.mark(True, self.time)

    def uncordon(self):
        since = self.node["metadata"].get("annotations", {}).get(NOTE)
        if not since or since >= self.time:
            return False
        self.mark(None, None)

    def mark(self, cordoned, note):
        self.ask("PATCH", self.path, {"spec": {"unschedulable": cordoned}, "metadata": {"annotations": {NOTE: note}}})

    # Evicts until no pod is left or the time is over.
    def drain(self):
        until = clock() + min(float(ENV("DRAIN_SECONDS", "100")), self.left() - RESERVE)
        self.line["evicted"] = 0
        while True:
            found = self.ask("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3D" + self.name)
            pods = [pod["metadata"] for pod in found["items"] if moves(pod)]
            self.line["left"] = len(pods)
            for pod in pods:
                if "deletionTimestamp" not in pod and clock() < until:
                    who = {"namespace": pod["namespace"], "name": pod["name"]}
                    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": who}
                    path = "/api/v1/namespaces/{namespace}/pods/{name}/eviction".format(**who)
                    # 429, and 500, is how a disruption budget refuses: the next round asks again.
                    status, _ = self.send("POST", path, body, (429, 500))
                    self.line["evicted"] += status < 300
                    if status >= 300 and status != 404:
                        self.line["refused"] = f"{who['namespace']}/{who['name']}: HTTP {status}"
            if not pods or clock() + 2 > until:
                return
            nap(2)

    # The finalizer of a server's node takes its member out of etcd: that is seen through.
    def delete(self):
        etcd = "node-role.kubernetes.io/etcd" in self.node["metadata"].get("labels", {})
        with ETCD if etcd else threading.Lock():
            self.ask("DELETE", self.path)
            until = clock() + min(PATIENCE, self.left() - RESERVE / 2)
            while etcd and clock() < until:
                still = self.ask("GET", self.path)
                if not still or still["metadata"]["uid"] != self.node["metadata"]["uid"]:
                    return
                nap(1)

    # Lets Auto Scaling end the instance.
    def release(self):
        form = {"Action": "CompleteLifecycleAction", "Version": "2011-01-01", "LifecycleActionResult": "CONTINUE"}
        for key in ("AutoScalingGroupName", "LifecycleHookName", "LifecycleActionToken"):
            form[key] = self.detail[key]
        form["InstanceId"] = self.name
        headers = {"content-type": "application/x-www-form-urlencoded"}
        body = urllib.parse.urlencode(form)
        if not aws("autoscaling", ENV("AUTOSCALING_URL"), body, headers, self.left, "ValidationError"):
            self.line["late"] = "it was released before, or its time was over"

    def send(self, method, path, body=None, final=()):
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": "Bearer " + self.token, "Content-Type": kind}
        request = self.link, method, path, body and json.dumps(body), headers
        return send(method + " " + path, lambda: request, self.left, final)

    # The answer of the API; None where there is no such thing.
    def ask(self, method, path, body=None):
        status, text = self.send(method, path, body)
        if status == 404:
            return None
        if status < 300:
            return json.loads(text)
        said = re.search(rb'"message": ?"((?:[^"\\]|\\.){0,200})', text)
        raise Trouble(f"{method} {path}: HTTP {status} {said[1].decode(errors='replace') if said else ''}")


# GROUPS has names, or prefixes that end in a hyphen. Names are safer: "k3fleet-shop-" begins those of "shop-eu" too.
def ours(group):
    return any(group == one or one.endswith("-") and group.startswith(one) for one in ENV("GROUPS", "").split(","))


# Whether a drain evicts a pod: not if its DaemonSet or its kubelet would bring it back, or it has ended.
def moves(pod):
    meta = pod["metadata"]
    daemon = any(owner["kind"] == "DaemonSet" for owner in meta.get("ownerReferences", []))
    mirror = "kubernetes.io/config.mirror" in meta.get("annotations", {})
    return not daemon and not mirror and pod["status"].get("phase") not in ("Succeeded", "Failed")


# How to reach the API, from the secret that the first server wrote. Only its CA is trusted, as Go does it: without the
# strict checks of newer Pythons, and with an intermediate CA too.
def reach(left):
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "secretsmanager.GetSecretValue"}
    text = aws("secretsmanager", ENV("SECRETS_URL"), json.dumps({"SecretId": ENV("SECRET")}), headers, left)
    try:
        secret = json.loads(json.loads(text)["SecretString"])
        server = urllib.parse.urlsplit(secret["server"])
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        tls.load_verify_locations(cadata=secret["ca"])
        if server.scheme == "https" and server.hostname:
            return server.hostname, server.port or 443, secret["token"].strip(), tls
    except (KeyError, TypeError, ValueError, AttributeError, OSError):
        pass
    raise Trouble("the secret holds no server, ca and token")


# One POST with Signature Version 4; returns the body of the answer, empty where it was this error.
def aws(service, url, body, headers, left, fine=None):
    region = ENV("AWS_REGION", "")
    url = urllib.parse.urlsplit(url or f"https://{service}.{region}.amazonaws.com")
    link = (http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection)(url.netloc, timeout=5)

    def signed():
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        sent = {**headers, "host": url.netloc, "x-amz-date": stamp}
        if ENV("AWS_SESSION_TOKEN"):
            sent["x-amz-security-token"] = ENV("AWS_SESSION_TOKEN")
        names = ";".join(sorted(sent))
        digest = lambda text: hashlib.sha256(text.encode()).hexdigest()
        request = ["POST", "/", "", *(f"{name}:{sent[name]}" for name in sorted(sent)), "", names, digest(body)]
        scope = [stamp[:8], region, service, "aws4_request"]
        key = b"AWS4" + ENV("AWS_SECRET_ACCESS_KEY", "").encode()
        for part in (*scope, "\n".join(("AWS4-HMAC-SHA256", stamp, "/".join(scope), digest("\n".join(request))))):
            key = hmac.digest(key, part.encode(), "sha256")
        who = "/".join((ENV("AWS_ACCESS_KEY_ID", ""), *scope))
        sent["authorization"] = f"AWS4-HMAC-SHA256 Credential={who}, SignedHeaders={names}, Signature={key.hex()}"
        return link, "POST", "/", body, sent

    with closing(link):
        status, text = send(service, signed, left)
    # Of an error only its code: the text of some quotes the request, and with it the session's token.
    code = re.search(rb'(?:<Code>|"__type" ?: ?"(?:[^"]*#)?)(\w+)', text)
    code = code[1].decode() if code else ""
    if status >= 300 and code != fine:
        raise Trouble(f"{service}: HTTP {status} {code}")
    return text if status < 300 else b""


# Sends until there is an answer that another try would not change, or the patience or the time is over.
def send(what, request, left, final=()):
    until = clock() + min(PATIENCE, left() - RESERVE / 2)
    while True:
        link, *sent = request()
        try:
            link.request(*sent)
            answer = link.getresponse()
            status, text = answer.status, answer.read()
            again = status >= 500 or status == 429 or status == 400 and b"Throttl" in text
            if not again or status in final:
                return status, text
            why = f"HTTP {status}"
        except (OSError, http.client.HTTPException) as error:
            link.close()
            why = f"{type(error).__name__}: {error}"
            if isinstance(error, ssl.SSLCertVerificationError):
                until = 0
        if clock() >= until:
            raise Trouble(f"{what}: {why}")
        nap(1)
