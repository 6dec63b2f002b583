"""What the tests of the fake AWS stand on: one server for all of them, an account for each, and a stack's template."""

import atexit
import itertools
import json
import os
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
REGION = "eu-west-1"
ACCOUNTS = itertools.count(500000000001)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGvNz4Q8yNdlnT8yyh0YPQ3rsOO1jTtQ7b1Bpg5JYtwq test"

try:
    import boto3
    import moto
    from botocore.config import Config

    if moto.__version__ != "5.2.5":
        raise ImportError(f"moto is {moto.__version__}, not 5.2.5")
except ImportError as why:
    if os.environ.get("K3FLEET_REQUIRE_ALL") == "1":
        raise
    print(f"skipped: {why}: run tests/setup", file=sys.stderr)
    raise unittest.SkipTest(str(why)) from None

RUNNING = []


def server():
    """The URL of the server, which ends with the tests."""
    if not RUNNING:
        process = subprocess.Popen(
            [sys.executable, "-B", str(HERE / "server.py"), "-p", "0"], stderr=subprocess.PIPE, text=True
        )
        atexit.register(process.kill)
        said = []
        for line in process.stderr:
            said.append(line)
            if "Running on " in line:
                RUNNING.append(line.split("Running on ")[1].strip())
                break
        else:
            raise AssertionError("the server did not start: " + "".join(said))
        # It logs every request: nobody reads that, but somebody must take it.
        threading.Thread(target=process.stderr.read, daemon=True).start()
    return RUNNING[0]


class Account(unittest.TestCase):
    """A test with an AWS account of its own."""

    def setUp(self):
        self.url = server()
        self.account = str(next(ACCOUNTS))
        role = f"arn:aws:iam::{self.account}:role/test"
        sts = boto3.client("sts", "us-east-1", endpoint_url=self.url, aws_access_key_id="x", aws_secret_access_key="x")
        self.keys = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        self.cfn = self.client("cloudformation")

    def client(self, service):
        return boto3.client(
            service,
            REGION,
            endpoint_url=self.url,
            aws_access_key_id=self.keys["AccessKeyId"],
            aws_secret_access_key=self.keys["SecretAccessKey"],
            aws_session_token=self.keys["SessionToken"],
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def ctl(self, path, body=None, method="POST"):
        url = f"{self.url}/_ctl/{path}"
        url += ("&" if "?" in url else "?") + f"account={self.account}"
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data, method=method)) as answer:
            return json.load(answer)

    def calls(self, **only):
        query = "&".join(f"{key}={value}" for key, value in only.items())
        return self.ctl(f"calls?{query}", method="GET")["calls"]

    def create(self, template, name="demo", parameters=None, **more):
        return self.cfn.create_stack(
            StackName=name, TemplateBody=json.dumps(template), Parameters=given(parameters), **more
        )["StackId"]

    def stack(self, name="demo"):
        return self.cfn.describe_stacks(StackName=name)["Stacks"][0]

    def until(self, status, name="demo"):
        """The stack once it has a status."""
        end = time.monotonic() + 20
        while (found := self.stack(name))["StackStatus"] != status:
            if time.monotonic() > end:
                raise AssertionError(f"{status} did not come: {self.events(name)}")
            time.sleep(0.01)
        return found

    def events(self, name="demo"):
        """All events, the oldest first: logical id, status, reason."""
        pages = self.cfn.get_paginator("describe_stack_events").paginate(StackName=name)
        found = [one for page in pages for one in page["StackEvents"]]
        return [
            (one["LogicalResourceId"], one["ResourceStatus"], one.get("ResourceStatusReason")) for one in found[::-1]
        ]

    def resources(self, name="demo"):
        found = self.cfn.describe_stack_resources(StackName=name)["StackResources"]
        return {one["LogicalResourceId"]: one.get("PhysicalResourceId") for one in found}


def given(parameters):
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in (parameters or {}).items()]


def resource(kind, properties=None, **more):
    return {"Type": f"AWS::{kind}", "Properties": properties or {}, **more}


def template(resources, outputs=None, parameters=None):
    whole = {"Resources": resources}
    if outputs:
        whole["Outputs"] = {name: {"Value": value} for name, value in outputs.items()}
    if parameters:
        whole["Parameters"] = parameters
    return whole


def ref(name):
    return {"Ref": name}


def att(name, attribute):
    return {"Fn::GetAtt": [name, attribute]}


def send(url, signal):
    """A signal as an instance sends it."""
    request = urllib.request.Request(url, json.dumps(signal).encode(), method="PUT", headers={"Content-Type": ""})
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as why:
        return why.code
