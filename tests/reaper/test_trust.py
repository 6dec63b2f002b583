"""Whom the reaper trusts, what it does when nobody answers, and that it keeps its secrets."""

import datetime
import json
import socket
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

from support import (
    REGION,
    ROOT,
    SECRET_KEY,
    SESSION,
    TOKEN,
    Kube,
    ReaperCase,
    authority,
    batch,
    event,
    lifecycle,
    missing,
    pod,
    rebalance,
    state,
    stripped,
    warning,
)

OURS = "i-0a1b2c3d4e5f60718"


def works(python):
    """Whether there is such an interpreter."""
    try:
        return subprocess.run([python, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def closed_port():
    """A port of this machine on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Outages(ReaperCase):
    def errors(self, *events):
        """The error of each event; all of them must go back to the queue."""
        failed, lines = self.reap(*events)
        self.assertEqual(len(failed), len(events), lines)
        return [line["error"] for line in lines]

    def test_events_go_back_while_the_api_is_down(self):
        self.trust(authority().pem("root"), server=f"https://127.0.0.1:{closed_port()}")
        sent = [warning(OURS), rebalance(OURS), state(OURS, "terminated"), lifecycle(OURS)]
        for error in self.errors(*sent, event("k3fleet test", {}, "k3fleet.test")):
            self.assertIn("ConnectionRefusedError", error)
        self.assertEqual(self.aws.released, [], "an instance is not let go before its pods were")
        self.assertEqual(self.reap("not JSON", event("EC2 Spot Instance Request Fulfillment", {}))[0], [])

    def test_it_is_waited_for_a_while(self):
        self.kube.add(OURS, [pod("web")])
        self.kube.status = 503
        begun = self.clock.now()
        (error,) = self.errors(warning(OURS))
        self.assertEqual(error, f"GET /api/v1/nodes/{OURS}: HTTP 503")
        self.assertAlmostEqual(self.clock.now() - begun, 20, delta=2)

    def test_an_invocation_ends_in_time_while_it_waits(self):
        self.kube.status = 503
        begun = self.clock.now()
        failed, _ = self.reap(warning(OURS), seconds=18)
        self.assertEqual(failed, ["m0"])
        self.assertLess(self.clock.now() - begun, 18 - 5)

    def test_it_goes_on_once_the_api_is_back_or_has_time_for_it(self):
        nap = self.index.nap

        def back(seconds):
            self.kube.status = None
            nap(seconds)

        self.index.nap = back
        for status in (429, 500, 502, 503, 504):
            self.kube.add(OURS, [pod("web")])
            self.kube.status = status
            failed, (line,) = self.reap(warning(OURS))
            self.assertEqual((failed, line["done"], self.kube.pods), ([], ["cordon", "drain"], {}))

    def test_a_connection_that_breaks_is_made_again(self):
        self.kube.add(OURS, [pod("web")])
        broken = []

        def answer(*call):
            if len(broken) < 3:
                broken.append(call)
                raise ConnectionResetError
            return self.kube.answer(*call)

        self.kube.server.answer = answer
        self.assertEqual(self.reap(warning(OURS))[0], [])
        self.assertEqual(self.kube.pods, {})

    def test_what_the_api_forbids_is_said_and_goes_back(self):
        self.kube.add(OURS)
        self.kube.status = 403
        (error,) = self.errors(rebalance(OURS))
        self.assertIn(f"GET /api/v1/nodes/{OURS}: HTTP 403 nodes", error)
        self.assertIn("cannot patch resource", error)
        self.assertEqual(self.clock.naps, 0)

    def test_an_old_token_is_said_and_goes_back(self):
        self.trust(authority().pem("root"), token="an-old-token")
        (error,) = self.errors(rebalance(OURS))
        self.assertEqual(error, f"GET /api/v1/nodes/{OURS}: HTTP 401 Unauthorized")
        self.assertNotIn("an-old-token", self.printed)

    def test_events_go_back_while_aws_is_down(self):
        self.env["SECRETS_URL"] = f"http://127.0.0.1:{closed_port()}"
        for error in self.errors(warning(OURS), lifecycle(OURS)):
            self.assertIn("secretsmanager: ConnectionRefusedError", error)
        self.env["SECRETS_URL"], self.env["AUTOSCALING_URL"] = self.aws.url, f"http://127.0.0.1:{closed_port()}"
        self.kube.add(OURS)
        failed, (line,) = self.reap(lifecycle(OURS))
        self.assertEqual((failed, line["done"]), (["m0"], ["cordon", "drain", "delete"]))

    def test_what_aws_throttles_is_tried_again(self):
        self.aws.refuse = ("autoscaling", 400, "<Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error>")
        nap = self.index.nap

        def calm(seconds):
            self.aws.refuse = None
            nap(seconds)

        self.index.nap = calm
        self.assertEqual(self.reap(lifecycle(OURS))[0], [])
        self.assertEqual((len(self.aws.released), self.clock.naps), (1, 1))

    def test_a_secret_that_is_not_there_yet_is_said(self):
        text = '{"__type":"ResourceNotFoundException","Message":"Secrets Manager can\'t find the specified secret."}'
        self.aws.refuse = ("secretsmanager", 400, text)
        self.assertEqual(self.errors(warning(OURS)), ["secretsmanager: HTTP 400 ResourceNotFoundException"])


class Trust(ReaperCase):
    def refused(self):
        """The error of a warning, which must go back, without a request having been heard."""
        failed, (line,) = self.reap(warning(OURS))
        self.assertEqual((failed, self.kube.calls), (["m0"], []))
        return line["error"]

    def test_another_ca_is_refused_at_once(self):
        self.trust((ROOT / "tests/fixtures/ca/old.pem").read_text())
        self.assertIn("CERTIFICATE_VERIFY_FAILED", self.refused())
        self.assertEqual(self.clock.naps, 0)

    def test_a_certificate_of_another_name_is_refused(self):
        self.trust(authority().pem("root"), server=self.kube.url.replace("127.0.0.1", "localhost"))
        self.assertIn("CERTIFICATE_VERIFY_FAILED", self.refused())

    def test_a_secret_that_is_no_access_is_refused_without_being_quoted(self):
        whole = {"server": self.kube.url, "ca": authority().pem("root"), "token": TOKEN}
        secrets = [{key: whole[key] for key in whole if key != left} for left in whole]
        secrets += [{**whole, "ca": ""}, {**whole, "ca": "no PEM"}, {**whole, "server": "http://127.0.0.1:6443"}]
        secrets += [{**whole, "server": "https://"}, {**whole, "server": "https://x:port"}, {**whole, "token": None}]
        for secret in [*map(json.dumps, [*secrets, [TOKEN], TOKEN]), TOKEN, "", None]:
            with self.subTest(secret=secret):
                self.aws.secret = secret
                self.assertEqual(self.refused(), "the secret holds no server, ca and token")

    def test_a_token_that_is_no_header_is_not_quoted(self):
        for token in (TOKEN + "\n" + TOKEN, TOKEN + "\x00", TOKEN + "ü€"):
            self.trust(authority().pem("root"), token=token)
            failed, (line,) = self.reap(warning(OURS))
            self.assertEqual(failed, ["m0"])
            self.assertNotIn("may-see", json.dumps(line))
        self.trust(authority().pem("root"), token=TOKEN + "\n")
        self.assertEqual(self.reap(warning(OURS))[0], [])

    def test_the_strict_checks_of_newer_pythons_do_not_shut_it_out(self):
        # Python 3.13 asks for key identifiers, which the certificates of the tests do not have.
        self.assertNotIn("Authority Key Identifier", self.describe("server"))
        strict = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        strict.verify_flags |= ssl.VERIFY_X509_STRICT
        strict.load_verify_locations(cadata=authority().pem("root"))
        with socket.create_connection(("127.0.0.1", self.kube.server.server_port)) as plain:
            with self.assertRaises(ssl.SSLCertVerificationError):
                strict.wrap_socket(plain, server_hostname="127.0.0.1")
        self.assertEqual(self.reap(warning(OURS))[0], [])

    def describe(self, name):
        shown = ["openssl", "x509", "-noout", "-text", "-in", authority().at / f"{name}.pem"]
        return subprocess.run(shown, check=True, capture_output=True, text=True).stdout

    def test_an_intermediate_ca_is_enough(self):
        kube = Kube("server-of-middle")
        self.addCleanup(kube.server.close)
        self.trust(authority().pem("middle"), server=kube.url)
        self.assertEqual(self.reap(event("k3fleet test", {}, "k3fleet.test"))[0], [])
        self.assertEqual(len(kube.calls), 1)

    def test_an_error_that_quotes_the_request_is_not_repeated(self):
        self.env["AWS_SECRET_ACCESS_KEY"] = "another-key"
        self.assertEqual(self.refused(), "secretsmanager: HTTP 403 InvalidSignatureException")
        self.assertTrue(self.aws.signed)

    def test_a_session_is_not_needed(self):
        del self.env["AWS_SESSION_TOKEN"]
        self.aws.genuine = lambda *call: "X-Amz-Security-Token" not in call[2]
        self.assertEqual(self.reap(event("k3fleet test", {}, "k3fleet.test"))[0], [])

    def test_the_signature_is_the_one_that_botocore_makes(self):
        try:
            import botocore.auth
            import botocore.awsrequest
            import botocore.credentials
        except ImportError:
            missing("botocore")
        self.assertEqual(self.reap(lifecycle(OURS))[0], [])
        self.assertEqual([service for service, _, _ in self.aws.signed], ["secretsmanager", "autoscaling"])
        keys = botocore.credentials.Credentials("AKIDEXAMPLE", SECRET_KEY, SESSION)
        for service, headers, body in self.aws.signed:
            kept = {name: headers[name] for name in ("Content-Type", "X-Amz-Target") if headers[name]}
            request = botocore.awsrequest.AWSRequest("POST", self.aws.url + "/", kept, body)
            then = datetime.datetime.strptime(headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
            with mock.patch("botocore.auth.get_current_datetime", lambda then=then: then):
                botocore.auth.SigV4Auth(keys, service, REGION).add_auth(request)
            self.assertEqual(headers["Authorization"], request.headers["Authorization"])


class AsLambdaRunsIt(ReaperCase):
    """The text of the template, in an interpreter of its own that has nothing but the standard library."""

    RUN = """
import json, sys
import index
class Context:
    def get_remaining_time_in_millis(self):
        return 150000
print(json.dumps(index.handler(json.load(sys.stdin), Context())))
"""

    def test_it_runs_there(self):
        # Lambda's own interpreter too, where there is one.
        for python in [sys.executable, *filter(works, ["python3.13"])]:
            with self.subTest(python), tempfile.TemporaryDirectory() as home:
                (Path(home) / "index.py").write_text(stripped())
                # Nothing that has to be waited for: here the clock is the real one.
                self.kube.add(OURS, [pod("svclb", owner="DaemonSet")], fixture="node-server")
                sent = batch(lifecycle(OURS), warning("i-01"), state(OURS, "terminated", account="210987654321"))
                run = subprocess.run(
                    [python, "-S", "-W", "error", "-c", self.RUN],
                    input=json.dumps(sent),
                    cwd=home,
                    env={**self.env, "PYTHONDONTWRITEBYTECODE": "1"},
                    capture_output=True,
                    text=True,
                    timeout=60,
                )
                self.printed += run.stdout + run.stderr
                self.assertEqual((run.returncode, run.stderr), (0, ""))
                *lines, answer = map(json.loads, run.stdout.splitlines())
                self.assertEqual(answer, {"batchItemFailures": []})
                self.assertEqual(len(lines), 3)
                self.assertEqual(self.kube.nodes, {})
                self.assertEqual(self.aws.released.pop()["InstanceId"], OURS)
