"""Stacks as CloudFormation runs them, in the place of moto's: in steps that take time, each with an event, and what
fails is rolled back. What a resource is made of stays moto's business, or that of `kinds`."""

import copy
import ipaddress
import json
import threading
import time
import uuid

from moto.cloudformation import models, parsing
from moto.cloudformation.exceptions import ValidationError
from moto.core.utils import utcnow
from moto.ssm import ssm_backends

import control
import kinds
import signals

WAIT = "AWS::CloudFormation::WaitCondition"
RUNNING = "_IN_PROGRESS"


class Failed(Exception):
    """Why resources failed, by their logical ids."""

    def __init__(self, reasons):
        super().__init__("; ".join(reasons.values()))
        self.reasons = reasons


def references(value):
    """The names that a part of a template refers to, each with the attribute that it asks for."""
    if isinstance(value, list):
        return {found for item in value for found in references(item)}
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, inner in value.items():
        if key == "Ref":
            found.add((inner, None))
        elif key == "Fn::GetAtt":
            found.add(tuple(inner if isinstance(inner, list) else inner.split(".", 1)))
        elif key == "Fn::Sub":
            text = inner[0] if isinstance(inner, list) else inner
            for part in text.split("${")[1:]:
                name, _, attribute = part.split("}")[0].partition(".")
                found.add((name, attribute or None))
            if isinstance(inner, list):
                found |= references(inner[1])
        else:
            found |= references(inner)
    return found


def clean_json(value, resources, plain=parsing.clean_json):
    """Moto's, and the functions that it lacks."""
    if isinstance(value, dict) and "Fn::Cidr" in value:
        block, count, bits = [clean_json(part, resources) for part in value["Fn::Cidr"]]
        cut = ipaddress.ip_network(block).subnets(new_prefix=32 - int(bits))
        return [str(network) for network, _ in zip(cut, range(int(count)))]
    if isinstance(value, dict) and "Fn::GetAZs" in value:
        region = clean_json(value["Fn::GetAZs"], resources) or resources["AWS::Region"]
        return [region + zone for zone in "abc"]
    return plain(value, resources)


def load_parameters(resources, plain=parsing.ResourceMap.load_parameters):
    """Moto's, which takes the default of a list for a text."""
    defaults = {
        name: slot["Default"]
        for name, slot in resources._template.get("Parameters", {}).items()
        if "Default" in slot and "List" in slot["Type"] and not slot["Type"].startswith("AWS::SSM::")
    }
    for name, slot in resources._template.get("Parameters", {}).items():
        path = resources.input_parameters.get(name, slot.get("Default"))
        if slot["Type"].startswith("AWS::SSM::Parameter::") and path:
            if not ssm_backends[resources._account_id][resources._region_name].get_parameter(path):
                told = f"Unable to fetch parameters [{path}] from parameter store for this account."
                raise ValidationError(message=told)
    given, resources.input_parameters = resources.input_parameters, {**defaults, **resources.input_parameters}
    plain(resources)
    resources.input_parameters = given


class Stack:
    """What runs on a stack of moto's."""

    def __init__(self, stack):
        self.stack, self.map = stack, stack.resource_map
        if not hasattr(stack, "made"):
            # What is there, in the order in which it was made, with the properties that it was made with.
            stack.made, stack.rows, stack.shown = {}, {}, None
        self.settings = control.settings(stack.account_id)
        self.settled = threading.Event()

    # Events.

    def say(self, status, reason=None):
        self.stack.status, self.stack.stack_status_reason = status, reason
        self.stack.status_reason = reason
        self.stack._add_stack_event(status, resource_status_reason=reason)
        self.number()

    def row(self, name, status, reason=None, kind=None):
        resource = self.stack.made.get(name, (None, {}))[0]
        kind = kind or self.kind(name)
        physical = getattr(resource, "physical_resource_id", None) or ""
        if name in self.stack.rows and not physical:
            physical = self.stack.rows[name]["PhysicalResourceId"]
        self.stack.events.append(
            models.Event(self.stack.stack_id, self.stack.name, name, physical, kind, status, reason, None)
        )
        self.number()
        self.stack.rows[name] = {
            "StackId": self.stack.stack_id,
            "StackName": self.stack.name,
            "LogicalResourceId": name,
            "PhysicalResourceId": physical,
            "ResourceType": kind,
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
            "Timestamp": utcnow(),
            "LastUpdatedTimestamp": utcnow(),
            "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
        }
        time.sleep(self.settings["step_ms"] / 1000)

    def number(self):
        """Moto's random numbers can be made to begin again, and so can its ids of events."""
        self.stack.events[-1].event_id = str(uuid.uuid4())

    def kind(self, name):
        resource = self.map._resource_json_map.get(name) or self.stack.made[name][1]
        return resource["Type"]

    # One resource.

    def injected(self, name, action):
        """What a test wants to go wrong: raised."""
        fault = control.stack_fault(self.stack.account_id, name, action)
        if fault:
            raise ValueError(fault)

    def resolved(self, name):
        resource = self.map._resource_json_map[name]
        properties = clean_json(resource.get("Properties", {}), self.map)
        return {"Type": resource["Type"], "DeletionPolicy": resource.get("DeletionPolicy"), "Properties": properties}

    def make(self, name):
        self.injected(name, "create")
        if not parsing.resource_class_from_type(self.kind(name)):
            raise ValueError(f"this fake of AWS has no {self.kind(name)}")
        was = self.resolved(name)
        resource = self.map[name]
        resource.logical_resource_id, resource.cf_resource_type = name, was["Type"]
        self.stack.made[name] = (resource, was)
        kinds.tag(resource, name, self.stack)

    def change(self, name, wanted):
        """Gives a resource other properties; returns the one that it took the place of, if it had to."""
        self.injected(name, "update")
        resource, was = self.stack.made[name]
        kind = parsing.resource_class_from_type(wanted["Type"])
        able = not hasattr(kind.update_from_cloudformation_json, "__isabstractmethod__")
        if able and not kinds.replaced(wanted["Type"], was["Properties"], wanted["Properties"]):
            changed = parsing.parse_and_update_resource(
                name, self.map._resource_json_map[name], self.map, self.stack.account_id, self.stack.region_name
            )
            resource, old = changed or resource, None
        else:
            old = (resource, was)
            del self.map._parsed_resources[name]
            resource = self.map[name]
        self.map._parsed_resources[name] = resource
        resource.logical_resource_id, resource.cf_resource_type = name, wanted["Type"]
        self.stack.made[name] = (resource, wanted)
        kinds.tag(resource, name, self.stack)
        return old

    def unmake(self, name, keep=(), undoes=False):
        """Deletes a resource; says whether it could."""
        resource, was = self.stack.made[name]
        kept = ("Retain",) if undoes else ("Retain", "RetainExceptOnCreate")
        if was["DeletionPolicy"] in kept or name in keep:
            self.row(name, "DELETE_SKIPPED", kind=was["Type"])
        else:
            self.row(name, "DELETE_IN_PROGRESS", kind=was["Type"])
            try:
                self.injected(name, "delete")
                kinds.remove(resource, was, self.map)
            except Exception as why:
                self.row(name, "DELETE_FAILED", str(why), was["Type"])
                return False
            self.row(name, "DELETE_COMPLETE", kind=was["Type"])
        del self.stack.made[name]
        self.map._parsed_resources.pop(name, None)
        return True

    # The whole.

    def wanted(self):
        """The resources of the template, with what each waits for."""
        json_map = self.map._resource_json_map
        names = [
            name
            for name, resource in json_map.items()
            if "Condition" not in resource or self.map.lazy_condition_map[resource["Condition"]]
        ]
        before = {}
        for name in names:
            depends = json_map[name].get("DependsOn", [])
            depends = {depends} if isinstance(depends, str) else set(depends)
            before[name] = (depends | {found for found, _ in references(json_map[name])}) & set(names)
        return before

    def bring_about(self, doing):
        """Makes or changes what the template wants. `doing` is CREATE or UPDATE. Returns what was replaced."""
        before = self.wanted()
        done, waiting, replaced, left = set(), {}, [], list(before)
        while left or waiting:
            ready = [name for name in left if before[name] <= done]
            if not ready and not waiting:
                raise Failed({left[0]: "Circular dependency between resources: " + ", ".join(left)})
            failed, begun = {}, []
            for name in ready:
                left.remove(name)
                what = "UPDATE" if name in self.stack.made else "CREATE"
                if what == "UPDATE" and self.resolved(name) == self.stack.made[name][1]:
                    done.add(name)
                    continue
                begun.append((name, what))
                self.row(name, f"{what}_IN_PROGRESS")
            for name, what in begun:
                if failed:
                    self.row(name, f"{what}_FAILED", f"Resource {what.lower()[:-1]}ion cancelled")
                    continue
                try:
                    if what == "UPDATE":
                        old = self.change(name, self.resolved(name))
                        replaced += [(name, old)] if old else []
                    elif self.kind(name) == WAIT:
                        self.injected(name, "create")
                        properties = self.resolved(name)["Properties"]
                        waiting[name] = signals.Waiting(properties, self.settings)
                        continue
                    else:
                        self.make(name)
                        self.row(name, "CREATE_IN_PROGRESS", "Resource creation Initiated")
                    self.row(name, f"{what}_COMPLETE")
                    done.add(name)
                except Exception as why:
                    failed[name] = str(why) or repr(why)
                    self.row(name, f"{what}_FAILED", failed[name])
            for name in list(waiting):
                if failed:
                    break
                try:
                    complete = waiting[name].complete()
                    if complete:
                        del waiting[name]
                        self.make(name)
                        self.row(name, "CREATE_COMPLETE")
                        done.add(name)
                except Exception as why:
                    failed[name] = str(why)
                    self.row(name, "CREATE_FAILED", failed[name])
                    del waiting[name]
            if failed:
                for name in waiting:
                    self.row(name, "CREATE_FAILED", "Resource creation cancelled")
                raise Failed(failed)
            if waiting and not ready:
                self.settled.set()
                signals.wait(0.05)
        return replaced

    def take_down(self, names, keep=(), undoes=False):
        return [name for name in reversed(list(names)) if not self.unmake(name, keep, undoes)]

    def show(self):
        """Works out the outputs: moto would at each question, and make again what has gone."""
        self.stack.output_map = self.stack._create_output_map()
        outputs = [
            {"OutputKey": one.key, "OutputValue": str(one.value), "Description": one.description}
            for one in self.stack.output_map.values()
            if one
        ]
        exports = {one.value: one.name for one in self.stack.exports}
        for one in outputs:
            one["ExportName"] = exports.get(one["OutputValue"])
        backend = models.cloudformation_backends[self.stack.account_id][self.stack.region_name]
        backend.exports.update({one.name: one for one in self.stack.exports})
        self.stack.shown = outputs

    def create(self, on_failure):
        self.say("CREATE_IN_PROGRESS", "User Initiated")
        try:
            self.bring_about("CREATE")
            self.show()
            self.say("CREATE_COMPLETE")
        except Failed as why:
            said = f"The following resource(s) failed to create: [{', '.join(why.reasons)}]. "
            if on_failure == "DO_NOTHING":
                self.say("CREATE_FAILED", said.strip())
            elif on_failure == "DELETE":
                self.delete(said + "Delete requested by user.")
            else:
                self.roll_back(said + "Rollback requested by user.")

    def roll_back(self, reason):
        self.say("ROLLBACK_IN_PROGRESS", reason)
        left = self.take_down(self.stack.made, undoes=True)
        if left:
            self.say("ROLLBACK_FAILED", f"The following resource(s) failed to delete: [{', '.join(left)}]. ")
        else:
            self.say("ROLLBACK_COMPLETE")

    def delete(self, reason="User Initiated", keep=()):
        self.say("DELETE_IN_PROGRESS", reason)
        left = self.take_down(self.stack.made, keep)
        if left:
            self.say("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(left)}]. ")
            return
        backend = models.cloudformation_backends[self.stack.account_id][self.stack.region_name]
        for name in [name for name, one in backend.exports.items() if one._exporting_stack_id == self.stack.stack_id]:
            del backend.exports[name]
        self.stack.deletion_time = utcnow()
        self.say("DELETE_COMPLETE")
        backend.deleted_stacks[self.stack.stack_id] = self.stack
        backend.stacks.pop(self.stack.stack_id, None)

    def load(self, template, parameters):
        """Lets the stack want what a template says."""
        self.stack.template = template
        self.stack._parse_template()
        self.stack.parameters = self.map.input_parameters = parameters
        self.stack.description = self.stack.template_dict.get("Description")
        self.map._template = self.stack.template_dict
        self.map._resource_json_map = self.stack.template_dict["Resources"]
        self.map.load_mapping()
        self.map.resolved_parameters = {}
        self.map.load_parameters()
        self.map.load_conditions()

    def update(self, template, parameters, tags):
        stack = self.stack
        before = (stack.template, stack.parameters, stack.tags)
        made_before = dict(stack.made)
        self.say("UPDATE_IN_PROGRESS", "User Initiated")
        stack.last_updated_time = utcnow()
        try:
            self.load(template, parameters)
            stack.tags = stack.tags if tags is None else tags
            replaced = self.bring_about("UPDATE")
        except Failed as why:
            said = f"The following resource(s) failed to update: [{', '.join(why.reasons)}]. "
            self.say("UPDATE_ROLLBACK_IN_PROGRESS", said)
            self.load(before[0], before[1])
            stack.tags = before[2]
            for name in [name for name in stack.made if name in made_before]:
                wanted = self.resolved(name)
                if wanted != stack.made[name][1]:
                    self.row(name, "UPDATE_IN_PROGRESS")
                    self.change(name, wanted)
                    self.row(name, "UPDATE_COMPLETE")
            self.say("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
            self.take_down([name for name in stack.made if name not in made_before], undoes=True)
            self.say("UPDATE_ROLLBACK_COMPLETE")
            return
        self.say("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        wanted = self.wanted()
        self.take_down([name for name in stack.made if name not in wanted])
        for name, (resource, was) in replaced:
            self.row(name, "DELETE_IN_PROGRESS")
            kinds.remove(resource, was, self.map)
            self.row(name, "DELETE_COMPLETE")
        for name in wanted:
            stack.rows[name]["ResourceStatus"] = stack.rows[name]["ResourceStatus"].replace("DELETE", "UPDATE")
        self.show()
        self.say("UPDATE_COMPLETE")

    def run(self, work, *arguments):
        """Works beside the caller, who waits for it where steps take no time and nothing waits for a signal."""

        def whole():
            try:
                work(*arguments)
            except Exception as why:
                control.log_failure()
                self.say(self.stack.status.replace(RUNNING, "_FAILED"), f"the fake of AWS failed: {why!r}")
            self.settled.set()

        threading.Thread(target=whole, daemon=True).start()
        if self.settings["step_ms"] == 0:
            self.settled.wait(120)


def must_rest(stack, doing):
    """Refuses what cannot be done to a stack in its state."""
    if stack.status.endswith(RUNNING) and stack.status != "REVIEW_IN_PROGRESS" or stack.status in (
        "ROLLBACK_COMPLETE",
        "CREATE_FAILED",
        "ROLLBACK_FAILED",
        "DELETE_FAILED",
    ):
        raise ValidationError(
            stack.stack_id, message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be {doing}."
        )


def same(a, b):
    """Whether two resources of templates are, for CloudFormation, one."""
    return json.dumps({"Properties": {}, **a}, sort_keys=True) == json.dumps({"Properties": {}, **b}, sort_keys=True)


def changes(stack, template, parameters):
    """What a change set says of each resource that changes: by its text, by a parameter, or by what it refers to."""
    resources = copy.copy(stack.resource_map)
    resources._parsed_resources = dict(stack.resource_map._parsed_resources)
    resources.resolved_parameters = {}
    resources._template, resources._resource_json_map = template, template["Resources"]
    resources.input_parameters = parameters
    resources.load_mapping(), resources.load_parameters(), resources.load_conditions()
    new = {
        name: one
        for name, one in template["Resources"].items()
        if "Condition" not in one or resources.lazy_condition_map[one["Condition"]]
    }
    old = {name: stack.resource_map._resource_json_map[name] for name in getattr(stack, "made", {})}
    was = stack.resource_map.resolved_parameters if old else {}
    moved = {name for name, value in resources.resolved_parameters.items() if was.get(name) != value}
    moved |= {
        name
        for name, mapping in template.get("Mappings", {}).items()
        if stack.template_dict.get("Mappings", {}).get(name) != mapping
    }
    found = []
    for name, one in new.items():
        if name not in old:
            found.append(describe("Add", name, one))
    modified = {}
    again = True
    while again:
        again = False
        for name, one in new.items():
            if name not in old or name in modified:
                continue
            details = kinds.details(old[name], one, moved, modified, references)
            if details:
                modified[name] = describe("Modify", name, one, stack.made[name][0], details)
                again = True
    found += modified.values()
    found += [describe("Remove", name, one, stack.made[name][0]) for name, one in old.items() if name not in new]
    return found


def describe(action, name, resource, made=None, details=()):
    change = models.Change(action=action, logical_resource_id=name, resource_type=resource["Type"])
    change.physical_resource_id = getattr(made, "physical_resource_id", None)
    change.scope = sorted({one["Target"]["Attribute"] for one in details})
    change.details = list(details)
    needs = {one["Target"]["RequiresRecreation"] for one in details}
    if action == "Modify":
        change.replacement = "True" if "Always" in needs else "Conditional" if "Conditionally" in needs else "False"
    return change
