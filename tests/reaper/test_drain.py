"""How a node is drained, and in what time."""

import threading
from concurrent.futures import ThreadPoolExecutor

from support import LIFECYCLE, ReaperCase, lifecycle, pod, rebalance, state, warning

OURS = "i-0a1b2c3d4e5f60718"


class Drain(ReaperCase):
    def drained(self, sent, **options):
        failed, (line,) = self.reap(sent, **options)
        self.assertEqual(failed, [], line)
        return line

    def evicted(self):
        return [path.split("/")[-2] for path in self.kube.did("POST")]

    def test_pods_that_would_come_back_or_have_ended_stay(self):
        mirror = pod("static", owner="Node", annotations={"kubernetes.io/config.mirror": "6f2b"})
        stays = [pod("svclb", owner="DaemonSet"), mirror, pod("job", phase="Succeeded"), pod("oops", phase="Failed")]
        self.kube.add(OURS, [*stays, pod("web"), pod("bare", owner=None), pod("starting", phase="Pending")])
        self.assertEqual(self.drained(warning(OURS))["evicted"], 3)
        self.assertEqual(sorted(self.evicted()), ["bare", "starting", "web"])
        self.assertEqual(sorted(self.kube.pods), ["job", "oops", "static", "svclb"])

    def test_pods_of_other_nodes_stay(self):
        self.kube.add("i-0bbbbbbbbbbbbbbbb", [pod("elsewhere")])
        self.kube.add(OURS, [pod("web")])
        self.drained(warning(OURS))
        self.assertEqual(self.evicted(), ["web"])

    def test_what_a_budget_refuses_is_asked_again(self):
        self.kube.add(OURS, [pod("web"), pod("mail")])
        self.kube.blocked = {"web": 5}
        line = self.drained(warning(OURS))
        self.assertEqual((line["evicted"], line["left"]), (2, 0))
        self.assertEqual(self.evicted().count("web"), 6)
        self.assertEqual(self.evicted().count("mail"), 1)

    def test_what_a_budget_keeps_refusing_is_left_when_the_time_is_over(self):
        self.kube.add(OURS, [pod("web"), pod("mail")])
        self.kube.blocked = {"web": 10_000}
        begun = self.clock.now()
        line = self.drained(lifecycle(OURS))
        self.assertEqual((line["evicted"], line["left"]), (1, 1))
        self.assertEqual(line["refused"], "demo/web: HTTP 429")
        self.assertEqual(line["done"], ["cordon", "drain", "delete", "release"])
        self.assertAlmostEqual(self.clock.now() - begun, 100, delta=3)

    def test_its_time_can_be_set(self):
        self.env["DRAIN_SECONDS"] = "30"
        self.kube.add(OURS, [pod("web")])
        self.kube.blocked = {"web": 10_000}
        begun = self.clock.now()
        self.drained(warning(OURS))
        self.assertAlmostEqual(self.clock.now() - begun, 30, delta=3)

    def test_a_short_invocation_cuts_the_drain_and_not_what_follows(self):
        self.kube.add(OURS, [pod("web")])
        self.kube.blocked = {"web": 10_000}
        begun = self.clock.now()
        line = self.drained(lifecycle(OURS), seconds=40)
        self.assertEqual(line["done"], ["cordon", "drain", "delete", "release"])
        self.assertLess(self.clock.now() - begun, 30)

    def test_a_pod_that_takes_its_time_to_end_is_waited_for_and_not_evicted_twice(self):
        self.kube.add(OURS, [pod("slow", deletionTimestamp="2026-11-22T06:40:00Z", stuck=True), pod("web")])
        line = self.drained(warning(OURS))
        self.assertEqual((line["evicted"], line["left"]), (1, 1))
        self.assertEqual(self.evicted(), ["web"])

    def test_pods_that_cannot_be_evicted_do_not_keep_the_others(self):
        self.kube.add(OURS, [pod("two-budgets"), pod("forbidden"), pod("gone"), pod("web")])
        self.kube.broken = {"two-budgets": 500, "forbidden": 403, "gone": 404}
        line = self.drained(warning(OURS))
        self.assertEqual((line["evicted"], line["left"]), (1, 3))
        self.assertNotIn("web", self.kube.pods)


class Batches(ReaperCase):
    def test_warnings_come_first(self):
        for instance in ("i-01", "i-02", "i-03", "i-04"):
            self.kube.add(instance, [pod("of-" + instance)])
        # One after another, so that the log shows the order.
        self.index.ThreadPoolExecutor = lambda _: ThreadPoolExecutor(1)
        failed, lines = self.reap(state("i-01", "terminated"), rebalance("i-02"), lifecycle("i-03"), warning("i-04"))
        self.assertEqual(failed, [])
        self.assertEqual([line["instance"] for line in lines], ["i-04", "i-03", "i-02", "i-01"])

    def test_nodes_of_one_batch_are_drained_side_by_side(self):
        nodes = [f"i-{number:017x}" for number in range(10)]
        for node in nodes:
            self.kube.add(node, [pod("of-" + node)])
        # Nobody's eviction is answered before everybody's is asked for.
        together = threading.Barrier(len(nodes))

        def answer(method, *call):
            if method == "POST":
                together.wait(20)
            return self.kube.answer(method, *call)

        self.kube.server.answer = answer
        failed, lines = self.reap(*map(warning, nodes))
        self.assertEqual((failed, len(lines), self.kube.pods), ([], 10, {}))

    def test_duplicates_are_harmless(self):
        self.kube.add(OURS, [pod("web")])
        ended = state(OURS, "terminated")
        failed, lines = self.reap(lifecycle(OURS), lifecycle(OURS), warning(OURS), ended, ended)
        self.assertEqual((failed, len(lines), self.kube.nodes), ([], 5, {}))
        self.assertEqual(self.reap(lifecycle(OURS), state(OURS, "terminated"))[0], [])

    def test_only_what_failed_goes_back(self):
        self.kube.add(OURS)
        self.aws.refuse = ("autoscaling", 403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
        sent = (rebalance(OURS), lifecycle("i-01"), warning("i-02"), "not JSON")
        failed, lines = self.reap(*sent)
        self.assertEqual(failed, ["m1"])
        (line,) = [line for line in lines if "error" in line]
        self.assertEqual((line["kind"], line["error"]), (LIFECYCLE, "autoscaling: HTTP 403 AccessDenied"))

    def test_an_event_without_what_its_kind_has_goes_back_alone(self):
        sent = lifecycle(OURS)
        del sent["detail"]["LifecycleHookName"]
        failed, lines = self.reap(sent, rebalance(OURS))
        self.assertEqual(failed, ["m0"])
        self.assertIn("KeyError", [line.get("error") for line in lines])

    def test_what_is_not_begun_in_time_goes_back(self):
        self.kube.add(OURS, [pod("web")])
        failed, lines = self.reap(warning(OURS), rebalance(OURS), "not JSON", seconds=10)
        self.assertEqual(failed, ["m0", "m1"])
        self.assertEqual(lines[0]["error"], "not begun: no time was left")
        self.assertEqual(self.kube.did("POST"), [])

    def test_an_empty_batch_is_success(self):
        self.assertEqual(self.reap(), ([], []))
