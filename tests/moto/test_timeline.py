"""How stacks come up, fail, change and go."""

import json
import time
import unittest

from botocore.exceptions import ClientError
from support import Account, att, given, ref, resource, send, template

QUEUES = template(
    {
        "One": resource("SQS::Queue"),
        "Two": resource("SQS::Queue", {"MessageRetentionPeriod": ref("Keep")}),
        "Shown": resource("SSM::Parameter", {"Type": "String", "Value": att("Two", "Arn")}),
    },
    {"Arn": att("Two", "Arn")},
    {"Keep": {"Type": "Number", "Default": 300}},
)


def waits(count=1, timeout="600"):
    return template(
        {
            "Signal": resource("CloudFormation::WaitConditionHandle"),
            "Before": resource("SQS::Queue"),
            "Ready": resource(
                "CloudFormation::WaitCondition",
                {"Handle": ref("Signal"), "Count": count, "Timeout": timeout},
                DependsOn="Before",
            ),
            "After": resource("SQS::Queue", DependsOn="Ready"),
        },
        {"Url": ref("Signal"), "Data": att("Ready", "Data")},
    )


class Creation(Account):
    def test_a_stack_is_done_when_the_call_returns_unless_steps_take_time(self):
        self.create(QUEUES)
        stack = self.stack()
        self.assertEqual("CREATE_COMPLETE", stack["StackStatus"])
        self.assertTrue(stack["Outputs"][0]["OutputValue"].startswith("arn:aws:sqs:eu-west-1:"))
        self.assertEqual(("demo", "CREATE_IN_PROGRESS", "User Initiated"), self.events()[0])
        self.assertEqual(("demo", "CREATE_COMPLETE", None), self.events()[-1])

    def test_resources_come_one_after_the_other_each_after_what_it_needs(self):
        self.ctl("config", {"step_ms": 40})
        begun = time.monotonic()
        self.create(QUEUES)
        self.assertEqual("CREATE_IN_PROGRESS", self.stack()["StackStatus"])
        self.assertNotIn("Outputs", self.stack())
        self.until("CREATE_COMPLETE")
        self.assertGreater(time.monotonic() - begun, 9 * 0.04)
        events = self.events()
        for name in ("One", "Two", "Shown"):
            own = [(status, reason) for of, status, reason in events if of == name]
            self.assertEqual(
                [
                    ("CREATE_IN_PROGRESS", None),
                    ("CREATE_IN_PROGRESS", "Resource creation Initiated"),
                    ("CREATE_COMPLETE", None),
                ],
                own,
            )
        needed, needs = ("Two", "CREATE_COMPLETE", None), ("Shown", "CREATE_IN_PROGRESS", None)
        self.assertLess(events.index(needed), events.index(needs))

    def test_events_come_in_pages_of_a_hundred(self):
        self.create(template({f"Q{n}": resource("SQS::Queue") for n in range(40)}))
        first = self.cfn.describe_stack_events(StackName="demo")
        self.assertEqual(100, len(first["StackEvents"]))
        self.assertEqual(122, len(self.events()))

    def test_what_fails_is_rolled_back(self):
        self.ctl("config", {"step_ms": 5, "fail": {"Shown": "Limit exceeded: 7"}})
        id = self.create(QUEUES)
        stack = self.until("ROLLBACK_COMPLETE")
        self.assertNotIn("Outputs", stack)
        events = self.events()
        self.assertIn(("Shown", "CREATE_FAILED", "Limit exceeded: 7"), events)
        told = "The following resource(s) failed to create: [Shown]. Rollback requested by user."
        self.assertIn(("demo", "ROLLBACK_IN_PROGRESS", told), events)
        self.assertIn(("One", "DELETE_COMPLETE", None), events)
        self.assertEqual([], self.client("sqs").list_queues().get("QueueUrls", []))
        with self.assertRaisesRegex(ClientError, "is in ROLLBACK_COMPLETE state and can not be updated"):
            self.cfn.update_stack(StackName="demo", UsePreviousTemplate=True)
        self.cfn.delete_stack(StackName="demo")
        self.assertEqual("DELETE_COMPLETE", self.until("DELETE_COMPLETE", id)["StackStatus"])

    def test_what_moto_refuses_fails_the_stack_too(self):
        broken = resource("AutoScaling::LifecycleHook", {
            "AutoScalingGroupName": "none", "LifecycleTransition": "nonsense", "HeartbeatTimeout": "x"})
        self.create(template({"Queue": resource("SQS::Queue"), "Hook": broken}))
        self.assertEqual("ROLLBACK_COMPLETE", self.stack()["StackStatus"])
        self.create(template({"Alarm": resource("CloudWatch::CompositeAlarm")}), "other")
        told = "this fake of AWS has no AWS::CloudWatch::CompositeAlarm"
        self.assertIn(("Alarm", "CREATE_FAILED", told), self.events("other"))

    def test_a_parameter_of_the_parameter_store_must_be_there(self):
        image = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/k3s/none"}
        with self.assertRaisesRegex(ClientError, r"Unable to fetch parameters \[/k3s/none\]"):
            self.create(template({"Q": resource("SQS::Queue")}, None, {"Image": image}))

    def test_a_failed_stack_is_kept_where_that_is_asked_for_and_rolled_back_later(self):
        self.ctl("config", {"fail": {"Shown": "no"}})
        self.create(QUEUES, OnFailure="DO_NOTHING")
        self.assertEqual("CREATE_FAILED", self.stack()["StackStatus"])
        self.assertEqual(2, len(self.client("sqs").list_queues()["QueueUrls"]))
        self.cfn.rollback_stack(StackName="demo")
        self.assertEqual("ROLLBACK_COMPLETE", self.stack()["StackStatus"])
        id = self.create(QUEUES, "gone", OnFailure="DELETE")
        self.assertEqual("DELETE_COMPLETE", self.stack(id)["StackStatus"])


class Waiting(Account):
    def test_a_stack_waits_for_as_many_signals_as_it_counts(self):
        self.create(waits(2))
        self.assertEqual("CREATE_IN_PROGRESS", self.stack()["StackStatus"])
        url = self.resources()["Signal"]
        sent = {"Status": "SUCCESS", "UniqueId": "i-1", "Reason": "", "Data": "joined"}
        self.assertEqual(200, send(url, sent))
        self.assertEqual(200, send(url, sent))
        self.assertEqual(400, send(url, {"Status": "MAYBE"}))
        self.assertEqual(404, send(url + "x", sent))
        time.sleep(0.2)
        self.assertEqual("CREATE_IN_PROGRESS", self.stack()["StackStatus"])
        self.assertNotIn("After", self.resources())
        send(url, {**sent, "UniqueId": "i-2"})
        outputs = {one["OutputKey"]: one["OutputValue"] for one in self.until("CREATE_COMPLETE")["Outputs"]}
        self.assertEqual({"i-1": "joined", "i-2": "joined"}, json.loads(outputs["Data"]))
        self.assertEqual(url, outputs["Url"])

    def test_a_failure_fails_the_stack_with_its_reason(self):
        self.create(waits())
        url = self.resources()["Signal"]
        send(url, {"Status": "FAILURE", "UniqueId": "i-7", "Reason": "k3s: no route", "Data": ""})
        self.until("ROLLBACK_COMPLETE")
        told = "WaitCondition received failed message: 'k3s: no route' for uniqueId: i-7"
        self.assertIn(("Ready", "CREATE_FAILED", told), self.events())

    def test_waiting_ends(self):
        self.ctl("config", {"wait_ms": 50})
        self.create(waits(3))
        self.until("ROLLBACK_COMPLETE")
        told = "WaitCondition timed out. Received 0 conditions when expecting 3"
        self.assertIn(("Ready", "CREATE_FAILED", told), self.events())

    def test_signals_come_by_themselves_where_a_test_wants_that(self):
        self.ctl("config", {"signal": True})
        self.create(waits(3))
        self.assertEqual("CREATE_COMPLETE", self.stack()["StackStatus"])


class Changes(Account):
    def change_set(self, template, kind, name="first", parameters=None, **more):
        self.cfn.create_change_set(
            StackName="demo", ChangeSetName=name, ChangeSetType=kind, TemplateBody=json.dumps(template),
            Parameters=given(parameters), **more)
        return self.cfn.describe_change_set(StackName="demo", ChangeSetName=name)

    def of(self, change_set):
        return {
            one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in change_set.get("Changes", [])
        }

    def test_a_change_set_makes_a_stack_with_outputs(self):
        told = self.of(self.change_set(QUEUES, "CREATE"))
        self.assertEqual({"One", "Two", "Shown"}, set(told))
        self.assertEqual({"Add"}, {one["Action"] for one in told.values()})
        self.assertEqual("REVIEW_IN_PROGRESS", self.stack()["StackStatus"])
        self.cfn.execute_change_set(StackName="demo", ChangeSetName="first")
        stack = self.stack()
        self.assertEqual("CREATE_COMPLETE", stack["StackStatus"])
        self.assertEqual("Arn", stack["Outputs"][0]["OutputKey"])
        with self.assertRaisesRegex(ClientError, "InvalidChangeSetStatus"):
            self.cfn.execute_change_set(StackName="demo", ChangeSetName="first")

    def test_a_change_set_belongs_to_its_stack(self):
        self.create(QUEUES, "other")
        self.change_set(QUEUES, "CREATE")
        with self.assertRaisesRegex(ClientError, "ChangeSetNotFound"):
            self.cfn.describe_change_set(StackName="other", ChangeSetName="first")
        self.assertEqual([], self.cfn.list_change_sets(StackName="other")["Summaries"])
        self.assertEqual(1, len(self.cfn.list_change_sets(StackName="demo")["Summaries"]))

    def test_a_parameter_that_changes_is_told_and_what_depends_on_it(self):
        self.create(QUEUES)
        told = self.of(self.change_set(QUEUES, "UPDATE", parameters={"Keep": "600"}))
        self.assertEqual({"Two", "Shown"}, set(told))
        self.assertEqual("Modify", told["Two"]["Action"])
        self.assertEqual("False", told["Two"]["Replacement"])
        detail = told["Two"]["Details"][0]
        self.assertEqual(("ParameterReference", "Keep"), (detail["ChangeSource"], detail["CausingEntity"]))
        self.assertEqual("MessageRetentionPeriod", detail["Target"]["Name"])
        self.assertEqual("ResourceAttribute", told["Shown"]["Details"][0]["ChangeSource"])
        self.cfn.execute_change_set(StackName="demo", ChangeSetName="first")
        self.assertEqual("UPDATE_COMPLETE", self.stack()["StackStatus"])
        url = self.resources()["Two"]
        kept = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["MessageRetentionPeriod"])
        self.assertEqual("600", kept["Attributes"]["MessageRetentionPeriod"])
        self.assertEqual("600", self.stack()["Parameters"][0]["ParameterValue"])

    def test_a_replacement_is_told(self):
        self.create(template({"Q": resource("SQS::Queue", {"QueueName": "a"})}))
        told = self.of(self.change_set(template({"Q": resource("SQS::Queue", {"QueueName": "b"})}), "UPDATE"))
        self.assertEqual("True", told["Q"]["Replacement"])
        self.assertEqual("Always", told["Q"]["Details"][0]["Target"]["RequiresRecreation"])
        self.cfn.execute_change_set(StackName="demo", ChangeSetName="first")
        urls = self.client("sqs").list_queues()["QueueUrls"]
        self.assertEqual(["b"], [url.rsplit("/", 1)[1] for url in urls])

    def test_no_changes_are_said(self):
        self.create(QUEUES)
        told = self.change_set(QUEUES, "UPDATE")
        self.assertEqual("FAILED", told["Status"])
        self.assertIn("didn't contain changes", told["StatusReason"])
        with self.assertRaisesRegex(ClientError, "No updates are to be performed"):
            self.cfn.update_stack(StackName="demo", TemplateBody=json.dumps(QUEUES))

    def test_an_update_adds_changes_and_removes(self):
        self.create(QUEUES)
        wanted = template({
            "Two": QUEUES["Resources"]["Two"], "Three": resource("SQS::Queue"),
            "Shown": resource("SSM::Parameter", {"Type": "String", "Value": "else"})}, None, QUEUES["Parameters"])
        self.cfn.update_stack(StackName="demo", TemplateBody=json.dumps(wanted))
        self.assertEqual("UPDATE_COMPLETE", self.stack()["StackStatus"])
        events = self.events()
        for expected in [("Three", "CREATE_COMPLETE"), ("Shown", "UPDATE_COMPLETE"), ("One", "DELETE_COMPLETE"),
                         ("demo", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")]:
            self.assertIn((*expected, None), events)
        self.assertNotIn(("Two", "UPDATE_IN_PROGRESS", None), events)
        self.assertEqual(2, len(self.client("sqs").list_queues()["QueueUrls"]))

    def test_an_update_that_fails_is_taken_back(self):
        self.create(QUEUES)
        self.ctl("config", {"fail": {"Shown": {"reason": "not now", "on": "update", "times": 1}}})
        wanted = json.loads(json.dumps(QUEUES))
        wanted["Resources"]["Three"] = resource("SQS::Queue")
        wanted["Resources"]["Two"]["Properties"]["MessageRetentionPeriod"] = 900
        wanted["Resources"]["Shown"]["Properties"]["Value"] = "else"
        self.cfn.update_stack(StackName="demo", TemplateBody=json.dumps(wanted))
        self.assertEqual("UPDATE_ROLLBACK_COMPLETE", self.stack()["StackStatus"])
        self.assertIn(("Shown", "UPDATE_FAILED", "not now"), self.events())
        self.assertEqual(2, len(self.client("sqs").list_queues()["QueueUrls"]))
        kept = self.client("sqs").get_queue_attributes(
            QueueUrl=self.resources()["Two"], AttributeNames=["MessageRetentionPeriod"])
        self.assertEqual("300", kept["Attributes"]["MessageRetentionPeriod"])
        self.cfn.update_stack(StackName="demo", TemplateBody=json.dumps(wanted))
        self.assertEqual("UPDATE_COMPLETE", self.stack()["StackStatus"])


class Deletion(Account):
    def test_a_protected_stack_stays(self):
        self.create(QUEUES, EnableTerminationProtection=True)
        self.assertTrue(self.stack()["EnableTerminationProtection"])
        with self.assertRaisesRegex(ClientError, "cannot be deleted while TerminationProtection is enabled"):
            self.cfn.delete_stack(StackName="demo")
        self.cfn.update_termination_protection(StackName="demo", EnableTerminationProtection=False)
        self.cfn.delete_stack(StackName="demo")
        with self.assertRaisesRegex(ClientError, "does not exist"):
            self.stack()

    def test_deleting_takes_its_steps(self):
        id = self.create(QUEUES)
        self.ctl("config", {"step_ms": 20})
        self.cfn.delete_stack(StackName="demo")
        self.assertEqual("DELETE_IN_PROGRESS", self.stack()["StackStatus"])
        self.until("DELETE_COMPLETE", id)
        events = self.events(id)
        first, then = ("Shown", "DELETE_COMPLETE", None), ("Two", "DELETE_IN_PROGRESS", None)
        self.assertLess(events.index(first), events.index(then))

    def test_what_cannot_go_is_told_and_may_be_left(self):
        id = self.create(QUEUES)
        self.ctl("config", {"fail": {"One": {"reason": "in use", "on": "delete"}}})
        self.cfn.delete_stack(StackName="demo")
        stack = self.stack()
        self.assertEqual("DELETE_FAILED", stack["StackStatus"])
        self.assertIn("[One]", stack["StackStatusReason"])
        self.assertIn(("One", "DELETE_FAILED", "in use"), self.events())
        self.cfn.delete_stack(StackName="demo", RetainResources=["One"])
        self.assertEqual("DELETE_COMPLETE", self.stack(id)["StackStatus"])
        self.assertEqual(1, len(self.client("sqs").list_queues()["QueueUrls"]))

    def test_what_is_to_be_kept_is(self):
        id = self.create(template({"Q": resource("SQS::Queue", DeletionPolicy="Retain")}))
        self.cfn.delete_stack(StackName="demo")
        self.assertIn(("Q", "DELETE_SKIPPED", None), self.events(id))
        self.assertEqual(1, len(self.client("sqs").list_queues()["QueueUrls"]))

    def test_what_is_to_be_kept_but_by_a_rollback_goes_with_what_made_it(self):
        both = {name: resource("SQS::Queue", DeletionPolicy="RetainExceptOnCreate") for name in ("One", "Two")}
        self.ctl("config", {"fail": {"Two": "it is to fail"}})
        self.create(template(both))
        self.assertEqual("ROLLBACK_COMPLETE", self.stack()["StackStatus"])
        self.assertEqual([], self.client("sqs").list_queues().get("QueueUrls", []))
        self.cfn.delete_stack(StackName="demo")
        self.ctl("config", {"fail": {}})
        self.create(template(both))
        self.cfn.delete_stack(StackName="demo")
        self.assertEqual(2, len(self.client("sqs").list_queues()["QueueUrls"]))


if __name__ == "__main__":
    unittest.main()
