"""From a rule to the reaper through a real queue's answers: EventBridge and SQS of moto."""

import json
import logging
import os
import unittest.mock

from support import ACCOUNT, REGION, WARNING, ReaperCase, missing, pod

OURS = "i-0a1b2c3d4e5f60718"


class Queue(ReaperCase):
    def setUp(self):
        super().setUp()
        try:
            import boto3
            from moto.server import ThreadedMotoServer
        except ImportError:
            missing("moto")
        keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_CONFIG_FILE": os.devnull}
        patched = unittest.mock.patch.dict(os.environ, keys)
        patched.start()
        self.addCleanup(patched.stop)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server.start()
        self.addCleanup(server.stop)
        host, port = server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        make = lambda service: boto3.client(service, region_name=REGION, endpoint_url=self.url)
        self.sqs, self.events, self.secrets = make("sqs"), make("events"), make("secretsmanager")
        dead = self.queue("shop-dead")
        redrive = {"deadLetterTargetArn": self.arn(dead), "maxReceiveCount": "2"}
        self.dead, self.live = dead, self.queue("shop", RedrivePolicy=json.dumps(redrive), VisibilityTimeout="0")
        self.events.put_rule(Name="shop", EventPattern=json.dumps({"source": ["aws.ec2"], "detail-type": [WARNING]}))
        self.events.put_targets(Rule="shop", Targets=[{"Id": "queue", "Arn": self.arn(self.live)}])

    def queue(self, name, **attributes):
        return self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def arn(self, url):
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def send(self, instance):
        detail = json.dumps({"instance-id": instance, "instance-action": "terminate"})
        self.events.put_events(Entries=[{"Source": "aws.ec2", "DetailType": WARNING, "Detail": detail}])

    def poll(self):
        """One round of Lambda's: receives a batch, calls the reaper, deletes what it did not give back."""
        got = self.sqs.receive_message(QueueUrl=self.live, MaxNumberOfMessages=10).get("Messages", [])
        if not got:
            return None
        records = [{"messageId": one["MessageId"], "body": one["Body"], "eventSource": "aws:sqs"} for one in got]
        failed = {one["itemIdentifier"] for one in self.run_raw({"Records": records})["batchItemFailures"]}
        for one in got:
            if one["MessageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.live, ReceiptHandle=one["ReceiptHandle"])
        return len(got), len(failed)

    def test_a_warning_reaches_the_node(self):
        self.kube.add(OURS, [pod("web")])
        self.send(OURS)
        self.send("i-0ffffffffffffffff")
        self.assertEqual(self.poll(), (2, 0))
        self.assertIsNone(self.poll())
        self.assertIs(self.kube.nodes[OURS]["spec"]["unschedulable"], True)
        self.assertEqual(self.kube.pods, {})

    def test_while_the_api_is_down_a_warning_comes_again_and_ends_as_a_dead_letter(self):
        self.kube.status = 503
        self.send(OURS)
        self.assertEqual([self.poll(), self.poll(), self.poll()], [(1, 1), (1, 1), None])
        (dead,) = self.sqs.receive_message(QueueUrl=self.dead)["Messages"]
        self.assertEqual(json.loads(dead["Body"])["detail"]["instance-id"], OURS)

    def test_a_warning_that_comes_again_is_done_once_the_api_is_back(self):
        self.kube.add(OURS)
        self.kube.status = 503
        self.send(OURS)
        self.assertEqual(self.poll(), (1, 1))
        self.kube.status = None
        self.assertEqual([self.poll(), self.poll()], [(1, 0), None])

    def test_the_secret_is_read_as_secrets_manager_sends_it(self):
        made = self.secrets.create_secret(Name="k3fleet/shop/reaper", SecretString=self.aws.secret)
        self.assertTrue(made["ARN"].startswith(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:"))
        self.kube.add(OURS)
        for name in ("k3fleet/shop/reaper", made["ARN"]):
            self.env.update(SECRETS_URL=self.url, SECRET=name)
            self.send(OURS)
            self.assertEqual(self.poll(), (1, 0))
