"""What each kind of event does to a node."""

import json

from support import GROUP, ReaperCase, event, lifecycle, pod, rebalance, state, warning

OURS, OTHER = "i-0a1b2c3d4e5f60718", "i-0ffffffffffffffff"
NOTE = "k3fleet.dev/cordoned"


class Events(ReaperCase):
    def done(self, sent):
        """What one event made the reaper do; it must be over with it."""
        failed, (line,) = self.reap(sent)
        self.assertEqual(failed, [], line)
        self.assertNotIn("error", line)
        return line["done"]

    def node(self):
        return self.kube.nodes[OURS]

    def test_a_warning_cordons_and_drains_whatever_the_instance_will_do(self):
        for action in ("terminate", "stop", "hibernate"):
            with self.subTest(action):
                self.kube.add(OURS, [pod("web"), pod("mail")])
                self.assertEqual(self.done(warning(OURS, action)), ["cordon", "drain"])
                self.assertIs(self.node()["spec"]["unschedulable"], True)
                self.assertEqual(self.kube.pods, {})
        self.assertEqual(self.kube.did("DELETE"), [])
        self.assertEqual(self.aws.released, [])

    def test_a_rebalance_recommendation_only_cordons(self):
        self.kube.add(OURS, [pod("web")])
        self.assertEqual(self.done(rebalance(OURS)), ["cordon"])
        self.assertIs(self.node()["spec"]["unschedulable"], True)
        self.assertEqual(self.kube.did("POST"), [])

    def test_the_node_of_an_instance_that_ends_is_deleted(self):
        for to in ("shutting-down", "terminated"):
            with self.subTest(to):
                self.kube.add(OURS)
                self.assertEqual(self.done(state(OURS, to)), ["delete"])
                self.assertEqual(self.kube.nodes, {})
        self.assertEqual(self.done(state(OURS, "terminated")), [], "404 is success")

    def test_a_stopped_instance_keeps_its_node_and_has_it_back_once_it_runs(self):
        self.kube.add(OURS)
        self.assertEqual(self.done(state(OURS, "stopping", time="2026-11-22T06:40:33Z")), ["cordon"])
        self.assertEqual(self.done(state(OURS, "stopped", time="2026-11-22T06:41:10Z")), ["cordon"])
        self.assertEqual(self.node()["metadata"]["annotations"][NOTE], "2026-11-22T06:40:33Z")
        self.assertEqual(self.done(state(OURS, "pending", time="2026-11-22T07:00:00Z")), [])
        self.assertEqual(self.done(state(OURS, "running", time="2026-11-22T07:00:04Z")), ["uncordon"])
        self.assertNotIn("unschedulable", self.node()["spec"])
        self.assertNotIn(NOTE, self.node()["metadata"]["annotations"])

    def test_what_somebody_else_cordoned_stays_so(self):
        self.kube.add(OURS, unschedulable=True)
        self.done(state(OURS, "stopping"))
        self.assertEqual(self.done(state(OURS, "running", time="2026-11-22T07:00:04Z")), [])
        self.assertIs(self.node()["spec"]["unschedulable"], True)
        self.assertEqual(self.kube.did("PATCH"), [])

    def test_an_event_that_comes_late_does_not_undo_a_newer_cordon(self):
        self.kube.add(OURS)
        self.done(warning(OURS, time="2026-11-22T06:40:33Z"))
        self.assertEqual(self.done(state(OURS, "running", time="2026-11-22T06:30:00Z")), [])
        self.assertIs(self.node()["spec"]["unschedulable"], True)

    def test_a_lifecycle_action_drains_deletes_and_lets_the_instance_go(self):
        self.kube.add(OURS, [pod("web")])
        self.assertEqual(self.done(lifecycle(OURS)), ["cordon", "drain", "delete", "release"])
        self.assertEqual((self.kube.nodes, self.kube.pods), ({}, {}))
        self.assertEqual(
            self.aws.released,
            [
                {
                    "Action": "CompleteLifecycleAction",
                    "Version": "2011-01-01",
                    "AutoScalingGroupName": GROUP,
                    "LifecycleHookName": "k3fleet-drain",
                    "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
                    "LifecycleActionResult": "CONTINUE",
                    "InstanceId": OURS,
                }
            ],
        )

    def test_a_lifecycle_action_of_an_instance_without_a_node_is_completed_at_once(self):
        self.assertEqual(self.done(lifecycle(OURS)), ["release"])
        self.assertEqual(len(self.aws.released), 1)
        self.assertEqual(self.clock.naps, 0)

    def test_a_lifecycle_action_that_is_over_is_success(self):
        text = "<Type>Sender</Type><Code>ValidationError</Code><Message>No active Lifecycle Action found</Message>"
        self.aws.refuse = ("autoscaling", 400, f"<ErrorResponse><Error>{text}</Error></ErrorResponse>")
        failed, (line,) = self.reap(lifecycle(OURS))
        self.assertEqual((failed, line["late"]), ([], "it was released before, or its time was over"))

    def test_lifecycle_actions_of_others_are_left_alone(self):
        for sent in (
            lifecycle(OURS, group="web-servers"),
            lifecycle(OURS, transition="autoscaling:TEST_NOTIFICATION"),
            lifecycle(OURS, transition="autoscaling:EC2_INSTANCE_LAUNCHING"),
            {"AutoScalingGroupName": GROUP, "Event": "autoscaling:TEST_NOTIFICATION", "AccountId": "123456789012"},
        ):
            self.kube.add(OURS)
            self.assertEqual(self.done(sent), [])
        self.assertEqual((self.aws.released, self.kube.calls), ([], []))

    def test_groups_named_one_by_one_are_told_from_those_of_a_cluster_whose_name_goes_on(self):
        self.env["GROUPS"] = "k3fleet-shop-servers,k3fleet-shop-workers"
        self.assertEqual(self.done(lifecycle(OURS, group="k3fleet-shop-eu-workers")), [])
        self.assertEqual(self.done(lifecycle(OURS, group="k3fleet-shop-workers-2")), [])
        self.assertEqual(self.done(lifecycle(OURS, group="k3fleet-shop-workers")), ["release"])

    def test_the_member_of_a_server_is_seen_out_of_etcd_before_its_instance_goes(self):
        self.kube.add(OURS, fixture="node-server")
        self.kube.lingers = 3
        self.assertEqual(self.done(lifecycle(OURS)), ["cordon", "drain", "delete", "release"])
        self.assertEqual(self.kube.nodes, {})
        self.assertEqual(len(self.aws.released), 1)

    def test_a_member_that_cannot_leave_does_not_hold_its_instance_for_ever(self):
        self.kube.add(OURS, fixture="node-server")
        self.kube.lingers = 10_000
        begun = self.clock.now()
        self.assertEqual(self.done(lifecycle(OURS))[-1], "release")
        self.assertLess(self.clock.now() - begun, 30)

    def test_instances_that_are_not_ours_are_not_touched(self):
        self.kube.add(OURS, [pod("web")])
        # Named as an instance, and yet not on it.
        self.kube.add(OTHER, [pod("mail")], provider="k3s://" + OTHER)
        for instance in (OTHER, "i-0123456789abcdef0", "i-", "../../x", "", None):
            ends = state(instance, "terminated"), state(instance, "stopped")
            for sent in (warning(instance), rebalance(instance), *ends):
                with self.subTest(instance=instance, kind=sent["detail-type"]):
                    self.assertEqual(self.done(sent), [])
        self.assertEqual(self.done(lifecycle(OTHER)), ["release"])
        self.assertEqual({method for method, _, _ in self.kube.calls}, {"GET"})
        self.assertTrue(all(path.startswith("/api/v1/nodes/i-0") for path in self.kube.did("GET")))

    def test_events_of_another_account_are_not_ours(self):
        self.kube.add(OURS)
        self.assertEqual(self.done(state(OURS, "terminated", account="210987654321")), [])
        self.assertIn(OURS, self.kube.nodes)

    def test_a_warning_without_an_account_counts(self):
        self.kube.add(OURS)
        sent = warning(OURS)
        del sent["account"]
        self.assertEqual(self.done(sent), ["cordon", "drain"])
        del self.env["ACCOUNT"]
        self.assertEqual(self.done(warning(OURS)), ["cordon", "drain"])

    def test_what_asks_for_nothing_is_done_without_a_call(self):
        for sent in (
            event("EC2 Spot Instance Request Fulfillment", {"spot-instance-request-id": "sir-1", "instance-id": OURS}),
            event("EC2 Instance Launch Successful", {"EC2InstanceId": OURS}, "aws.autoscaling"),
            event("EC2 Instance-launch Lifecycle Action", {"EC2InstanceId": OURS}, "aws.autoscaling"),
            event("A kind that is yet to be thought of", {}),
            {**event("x", {}), "detail": ["not", "a", "mapping"]},
            {**event("EC2 Instance State-change Notification", {}), "detail": None},
            "not JSON",
            '"text"',
            "null",
        ):
            self.assertEqual(self.done(sent), [])
        self.assertEqual((self.kube.calls, self.aws.signed), ([], []))

    def test_a_test_event_reads_the_api(self):
        self.assertEqual(self.done(event("k3fleet test", {}, "k3fleet.test")), ["test"])
        self.assertEqual([path for _, path, _ in self.kube.calls], ["/api/v1/nodes?limit=1"])

    def test_a_bare_event_is_taken_as_it_is(self):
        self.kube.add(OURS)
        self.assertEqual(self.run_raw(state(OURS, "terminated")), {"batchItemFailures": []})
        self.assertEqual(self.kube.nodes, {})
        self.kube.status = 503
        with self.assertRaisesRegex(Exception, "HTTP 503"):
            self.run_raw(state(OURS, "terminated"))

    def test_each_event_leaves_one_line(self):
        self.kube.add(OURS, [pod("web")])
        _, (line,) = self.reap(warning(OURS))
        self.assertEqual(
            line,
            {
                "reaper": "shop",
                "event": "5d5555d5-dd55-5555-5555-5555dd55d55d",
                "kind": "EC2 Spot Instance Interruption Warning",
                "instance": OURS,
                "node": True,
                "done": ["cordon", "drain"],
                "evicted": 1,
                "left": 0,
                "ms": 4000,
            },
        )
        self.assertEqual(self.printed.count("\n"), 1)
        self.assertEqual(json.loads(self.printed), line)
