#!/usr/bin/env python3
"""A server of moto that can hold a highly available cluster's stack, and that tests can make fail.

    tests/moto/server.py -H 127.0.0.1 -p 0

It runs in target/venv, which tests/setup makes, says "Running on http://127.0.0.1:PORT" on its standard error and answers
all that moto's own server does. Besides, for the account that `?account=` names (moto's default one without it):

    POST /_ctl/config   {"step_ms", "fail": {logical id: reason or {"reason", "on", "times"}}, "signal", "wait_ms",
                         "own_errors"}
    POST /_ctl/fault    {"service", "action", "code", "message", "status", "times", "after", "delay_ms"}
    GET  /_ctl/calls    ?service=&action= : the calls so far
    POST /_ctl/reset    forgets what was set and the calls; moto's own state stays
    PUT  /_ctl/signal/… the URLs of wait condition handles
"""

import argparse
import functools
import http.client
import io
import json
import os
import re
import sys
import time
import urllib.parse
import warnings
from pathlib import Path

VENV = Path(__file__).resolve().parents[2] / "target/venv"
if __name__ == "__main__" and Path(sys.prefix) != VENV and (VENV / "bin/python").exists():
    os.execv(VENV / "bin/python", [VENV / "bin/python", "-B", *sys.argv])

sys.path.insert(0, str(Path(__file__).resolve().parent))
os.environ.setdefault("AWS_ACCESS_KEY_ID", "x")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "x")
warnings.filterwarnings("ignore")

import botocore.session
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

import control
import kinds
import signals
import stacks

SCOPE = re.compile(r"Credential=([^/]+)/[^/]*/([^/]+)/([^/]+)/aws4_request")
# Where the name in a signature is not that of the service's model.
MODELS = {"elasticloadbalancing": "elbv2", "elasticfilesystem": "efs", "monitoring": "cloudwatch"}


class Call:
    """What a request asks for, as far as it says."""

    def __init__(self, environ):
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        key, self.region, self.service = scope.groups() if scope else (None, None, None)
        self.account = environ.get("HTTP_X_MOTO_ACCOUNT_ID") or (
            get_account_id_from(key) if key else DEFAULT_ACCOUNT_ID
        )
        target = environ.get("HTTP_X_AMZ_TARGET")
        content = environ.get("CONTENT_TYPE", "")
        if target:
            self.protocol, self.action = "json", target.rsplit(".", 1)[1]
        elif content.startswith("application/x-www-form-urlencoded"):
            self.protocol = "ec2" if self.service == "ec2" else "query"
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            self.action = urllib.parse.parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
        else:
            self.protocol = "rest-xml" if self.service == "s3" else "rest-json"
            self.action = rest_action(self.service, environ)

    def error(self, code, message):
        """The body, type and headers of an error."""
        if self.protocol == "ec2":
            text = (
                f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
                "<RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
            )
        elif self.protocol == "query":
            text = (
                f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
                "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
            )
        elif self.protocol == "rest-xml":
            text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        else:
            kind = "application/x-amz-json-1.0" if self.protocol == "json" else "application/json"
            return json.dumps({"__type": code, "message": message}), kind, [("x-amzn-ErrorType", code)]
        return text, "text/xml", []


@functools.cache
def rest_operations(service):
    try:
        model = botocore.session.get_session().get_service_model(MODELS.get(service, service))
    except Exception:
        return []
    found = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        asked, shape = operation.http, operation.input_shape
        members = shape.members if shape else {}
        headers = {
            "HTTP_" + members[member].serialization["name"].upper().replace("-", "_")
            for member in (shape.required_members if shape else [])
            if members[member].serialization.get("location") == "header"
        }
        path, _, query = asked.get("requestUri", "/").partition("?")
        pattern = re.sub(r"\\\{[^}]*\\\+\\\}", ".+", re.escape(path))
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", pattern)
        needs = set(urllib.parse.parse_qs(query, True)) | headers
        found.append((asked.get("method"), re.compile(f"^{pattern}/?$"), needs, name))
    # Those that ask for most first.
    return sorted(found, key=lambda one: -len(one[2]))


def rest_action(service, environ):
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
    query = set(urllib.parse.parse_qs(environ.get("QUERY_STRING", ""), True)) | set(environ)
    for of, pattern, needs, name in rest_operations(service) if service else []:
        if of == method and needs <= query and pattern.match(path):
            return name
    return f"{method} {path}"


class Server:
    """Moto's application, with what tests want around it."""

    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ, start_response):
        if environ.get("PATH_INFO", "").startswith("/_ctl/"):
            return self.control(environ, start_response)
        if environ.get("HTTP_X_K3FLEET_OWN") or environ.get("PATH_INFO", "").startswith("/moto-api"):
            return self.moto(environ, start_response)
        call = Call(environ)
        if call.service is None:
            return self.moto(environ, start_response)
        entry = control.record(call.account, call.region, call.service, call.action)
        fault = control.fault_of(call.account, call.service, call.action)
        if fault:
            time.sleep(fault["delay_ms"] / 1000)
        if fault and "code" in fault:
            status = fault.get("status", 400)
            entry["status"], entry["code"] = status, fault["code"]
            message = fault.get("message", "as the test wants it")
            return answer(start_response, status, *call.error(fault["code"], message))
        return self.pass_on(call, entry, environ, start_response)

    def pass_on(self, call, entry, environ, start_response):
        """Moto's answer; what it has not, or falls over, is an error that says so where the test wants that."""
        begun = []
        own_errors = control.settings(call.account)["own_errors"]

        def start(status, headers, exc_info=None):
            begun[:] = [status, headers]
            return lambda data: None

        try:
            body = self.moto(environ, start)
            status = int(begun[0].split()[0])
            kind = dict((key.lower(), value) for key, value in begun[1]).get("content-type", "")
            broken = status == 500 and kind.startswith("text/html")
            why = "moto cannot answer this"
        except Exception as error:
            if not own_errors:
                entry["status"] = 500
                raise
            broken, why = True, repr(error)
        if broken and own_errors:
            entry["status"], entry["code"] = 400, "NotImplementedByFake"
            why = f"{call.service} {call.action}: {why}".replace("<", "(").replace(">", ")").replace("&", "and")
            return answer(start_response, 400, *call.error("NotImplementedByFake", why))
        entry["status"] = status
        start_response(*begun)
        return body

    def control(self, environ, start_response):
        path, method = environ["PATH_INFO"].removeprefix("/_ctl/"), environ["REQUEST_METHOD"]
        query = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", "")))
        account = query.get("account", DEFAULT_ACCOUNT_ID)
        text = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode(errors="replace")
        found, wrong = {}, None
        try:
            if path.startswith("signal/") and method in ("PUT", "POST"):
                handle = path.removeprefix("signal/")
                if handle not in signals.HANDLES:
                    return answer(start_response, 404, "no such handle", "text/plain", [])
                wrong = signals.take(handle, text)
            elif (method, path) == ("POST", "config"):
                wrong = control.configure(account, json.loads(text))
            elif (method, path) == ("POST", "fault"):
                wrong = control.add_fault(account, json.loads(text))
            elif (method, path) == ("GET", "calls"):
                only = {key: query.get(key) for key in ("service", "action")}
                found = {"calls": control.calls(account=account, **only)}
            elif (method, path) == ("POST", "reset"):
                control.forget(account)
            else:
                return answer(start_response, 404, f"no {method} /_ctl/{path}", "text/plain", [])
        except (ValueError, AttributeError, TypeError) as why:
            wrong = f"not what was expected: {why!r}"
        if wrong:
            return answer(start_response, 400, json.dumps({"error": wrong}), "application/json", [])
        return answer(start_response, 200, json.dumps(found), "application/json", [])


def answer(start_response, status, text, kind, headers):
    body = text.encode()
    head = [("Content-Type", kind), ("Content-Length", str(len(body))), ("x-amzn-RequestId", "fake"), *headers]
    start_response(f"{status} {http.client.responses.get(status, 'Unknown')}", head)
    return [body]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-H", "--host", default="127.0.0.1")
    parser.add_argument("-p", "--port", type=int, default=0)
    asked = parser.parse_args()
    app = Server()
    server = make_server(asked.host, asked.port, app, threaded=True, request_handler=MotoRequestHandler)
    base = f"http://{asked.host}:{server.server_port}"
    os.environ["MOTO_PORT"] = str(server.server_port)
    stacks.install()
    kinds.install(base)
    print(f" * Running on {base}", file=sys.stderr, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
