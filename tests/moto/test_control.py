"""Faults, the log of calls, and that moto itself goes on working."""

import time
import unittest
import urllib.error

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from support import Account


class Faults(Account):
    def code(self, call, **parameters):
        with self.assertRaises(ClientError) as caught:
            call(**parameters)
        answer = caught.exception.response
        return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]

    def fault(self, service, action, code, status=400, **more):
        self.ctl("fault", {"service": service, "action": action, "code": code, "status": status, **more})

    def test_each_protocol_has_its_errors(self):
        for name, service, call, parameters in [
            ("ec2", "ec2", "describe_vpcs", {}),
            ("autoscaling", "autoscaling", "describe_auto_scaling_groups", {}),
            ("elasticloadbalancing", "elbv2", "describe_load_balancers", {}),
            ("cloudformation", "cloudformation", "describe_stacks", {}),
            ("ssm", "ssm", "get_parameter", {"Name": "x"}),
            ("secretsmanager", "secretsmanager", "list_secrets", {}),
            ("sqs", "sqs", "list_queues", {}),
            ("s3", "s3", "list_objects_v2", {"Bucket": "b"}),
            ("elasticfilesystem", "efs", "describe_file_systems", {}),
            ("lambda", "lambda", "get_function", {"FunctionName": "f"}),
        ]:
            with self.subTest(name):
                client = self.client(service)
                action = client.meta.method_to_api_mapping[call]
                self.fault(name, action, "ThrottlingException", 429, message="Rate exceeded")
                self.assertEqual(("ThrottlingException", 429), self.code(getattr(client, call), **parameters))
                logged = self.calls(service=name, action=action)
                self.assertEqual([429], [one["status"] for one in logged])

    def test_a_fault_comes_as_often_as_it_is_wanted_and_after_as_many_calls(self):
        ec2 = self.client("ec2")
        self.fault("ec2", "DescribeVpcs", "RequestLimitExceeded", 503, times=2, after=1)
        ec2.describe_vpcs()
        for _ in range(2):
            self.assertEqual(("RequestLimitExceeded", 503), self.code(ec2.describe_vpcs))
        ec2.describe_vpcs()
        self.fault("ec2", "*", "UnauthorizedOperation", 403, times=-1)
        for call in (ec2.describe_vpcs, ec2.describe_subnets, ec2.describe_vpcs):
            self.assertEqual("UnauthorizedOperation", self.code(call)[0])
        self.ctl("reset")
        ec2.describe_subnets()

    def test_a_call_may_be_slow(self):
        self.ctl("fault", {"service": "ec2", "action": "DescribeVpcs", "delay_ms": 150})
        begun = time.monotonic()
        self.assertTrue(self.client("ec2").describe_vpcs()["Vpcs"])
        self.assertGreater(time.monotonic() - begun, 0.15)

    def test_accounts_see_nothing_of_each_other(self):
        self.fault("ec2", "DescribeVpcs", "RequestLimitExceeded", 503)
        other = type(self)("code")
        other.setUp()
        other.client("ec2").describe_vpcs()
        self.assertEqual(1, len(other.calls(service="ec2")))
        self.assertEqual([], self.calls(service="ec2"))

    def test_what_moto_lacks_says_so(self):
        call = self.client("ec2").get_spot_placement_scores
        # A page, not an answer.
        with self.assertRaises(ResponseParserError):
            call(TargetCapacity=1, InstanceTypes=["m7g.large"])
        self.ctl("config", {"own_errors": True})
        told = self.code(call, TargetCapacity=1, InstanceTypes=["m7g.large"])
        self.assertEqual(("NotImplementedByFake", 400), told)

    def test_wrong_orders_are_refused(self):
        for path, body in [
            ("config", {"steps": 3}),
            ("fault", {"service": "ec2"}),
            ("fault", {"service": "ec2", "action": "X", "often": 1}),
            ("config", [1]),
            ("nothing", {}),
        ]:
            with self.subTest(path), self.assertRaises(urllib.error.HTTPError) as caught:
                self.ctl(path, body)
            caught.exception.close()


class Moto(Account):
    def test_the_rest_is_motos(self):
        ec2 = self.client("ec2")
        image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["al2023*"]}])["Images"][0]["ImageId"]
        made = ec2.run_instances(ImageId=image, MinCount=2, MaxCount=2, InstanceType="m7g.large")["Instances"]
        ids = sorted(one["InstanceId"] for one in made)
        found = ec2.describe_instances(InstanceIds=ids)["Reservations"][0]["Instances"]
        self.assertEqual(ids, sorted(one["InstanceId"] for one in found))
        s3 = self.client("s3")
        s3.create_bucket(Bucket="a-bucket-of-moto", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_object(Bucket="a-bucket-of-moto", Key="some/key", Body=b"text")
        self.assertEqual(b"text", s3.get_object(Bucket="a-bucket-of-moto", Key="some/key")["Body"].read())
        self.assertEqual(["PutObject"], [one["action"] for one in self.calls(service="s3", action="PutObject")])
        self.assertEqual(self.account, self.client("sts").get_caller_identity()["Account"])


if __name__ == "__main__":
    unittest.main()
