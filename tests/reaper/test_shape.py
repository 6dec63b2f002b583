"""That the function fits into a template, and its rights are those it uses."""

import ast
import json
import sys
import unittest

from support import ROOT, SOURCE, ReaperCase, event, lifecycle, missing, pod, state, stripped, warning

RBAC = ROOT / "assets/reaper/rbac.yaml"
OURS = "i-0a1b2c3d4e5f60718"


class Shape(unittest.TestCase):
    def test_stripping_it_changes_nothing_that_runs(self):
        self.assertEqual(ast.dump(ast.parse(SOURCE.read_text())), ast.dump(ast.parse(stripped())))

    def test_it_is_small(self):
        self.assertLess(len(json.dumps(stripped())), 11_000)

    def test_it_needs_the_standard_library_only(self):
        names = set()
        for node in ast.walk(ast.parse(SOURCE.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.split(".")[0])
        self.assertLessEqual(names, set(sys.stdlib_module_names))

    def test_its_lines_can_be_read(self):
        self.assertLessEqual(max(map(len, SOURCE.read_text().split("\n"))), 120)


class Rights(ReaperCase):
    def documents(self):
        try:
            import yaml
        except ImportError:
            missing("yaml")
        return {document["kind"]: document for document in yaml.safe_load_all(RBAC.read_text())}

    def test_its_role_allows_what_it_does_and_nothing_more(self):
        """Runs everything it can do, and compares the calls with the role."""
        self.kube.add(OURS, [pod("web")], fixture="node-server")
        self.reap(warning(OURS), event("k3fleet test", {}, "k3fleet.test"))
        self.reap(state(OURS, "running", time="2026-11-23T00:00:00Z"))
        self.reap(lifecycle(OURS))
        used = set()
        for method, path, _ in self.kube.calls:
            parts = path.split("?")[0].split("/")[3:]
            parts = parts[2:] if parts[0] == "namespaces" else parts
            verb = {"GET": "get" if len(parts) > 1 else "list", "POST": "create"}.get(method, method.lower())
            used.add(("/".join(parts[::2]) if len(parts) == 3 else parts[0], verb))
        role = self.documents()["ClusterRole"]
        allowed = set()
        for rule in role["rules"]:
            self.assertEqual(set(rule), {"apiGroups", "resources", "verbs"})
            self.assertEqual(rule["apiGroups"], [""])
            allowed |= {(resource, verb) for resource in rule["resources"] for verb in rule["verbs"]}
        self.assertEqual(used, allowed)

    def test_its_parts_name_each_other(self):
        documents = self.documents()
        self.assertEqual(set(documents), {"ServiceAccount", "Secret", "ClusterRole", "ClusterRoleBinding"})
        names = {document["metadata"]["name"] for document in documents.values()}
        self.assertEqual(names, {"k3fleet-reaper"})
        secret, binding = documents["Secret"], documents["ClusterRoleBinding"]
        self.assertEqual(secret["type"], "kubernetes.io/service-account-token")
        self.assertEqual(secret["metadata"]["annotations"], {"kubernetes.io/service-account.name": "k3fleet-reaper"})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "k3fleet-reaper"}
        self.assertEqual(binding["roleRef"], role)
        account = {"kind": "ServiceAccount", "name": "k3fleet-reaper", "namespace": "kube-system"}
        self.assertEqual(binding["subjects"], [account])
        for kind in ("ServiceAccount", "Secret"):
            self.assertEqual(documents[kind]["metadata"]["namespace"], "kube-system")
