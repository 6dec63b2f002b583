"""CloudFormation's calls, in the place of moto's: they read what `engine` did and start it."""

import uuid

from moto.autoscaling.models import autoscaling_backends
from moto.cloudformation import models, parsing
from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, cloudformation_backends
from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudformation.utils import generate_stack_id
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow

import engine

Plain = models.Stack
PAGE = 100


def raw_parameters(stack):
    """A stack's parameters as they were given, lists too."""
    slots = stack.template_dict.get("Parameters", {})
    return {name: str(stack.parameters.get(name, slot.get("Default", ""))) for name, slot in slots.items()}


def shown_parameters(stack):
    slots = stack.template_dict.get("Parameters", {})
    return [
        {"ParameterKey": name, "ParameterValue": "****" if slots[name].get("NoEcho") else value}
        for name, value in raw_parameters(stack).items()
    ]


def create_stack(backend, name, template, parameters, **more):
    on_failure = more.pop("on_failure", "ROLLBACK")
    for other in list(backend.stacks.values()):
        if other.name == name:
            raise AlreadyExistsException(f"Stack [{name}] already exists")
    more["cross_stack_resources"] = backend.exports
    stack = Plain(
        stack_id=generate_stack_id(name, backend.region_name, backend.account_id),
        name=name,
        template=template,
        parameters=parameters,
        account_id=backend.account_id,
        region_name=backend.region_name,
        **more,
    )
    stack.disable_rollback = on_failure == "DO_NOTHING"
    backend.stacks[stack.stack_id] = stack
    run = engine.Stack(stack)
    run.say("CREATE_IN_PROGRESS", "User Initiated")
    stack.events.pop()
    run.run(run.create, on_failure)
    return stack


def update_stack(backend, name, template, role_arn, parameters, tags):
    stack = backend.get_stack(name)
    engine.must_rest(stack, "updated")
    known = raw_parameters(stack)
    given = {
        one["ParameterKey"]: one["ParameterValue"] if "ParameterValue" in one else known[one["ParameterKey"]]
        for one in parameters
    }
    wanted = Plain.parse_template(template)
    if wanted == stack.template_dict and (tags is None or tags == stack.tags):
        if {**defaults(wanted), **given} == raw_parameters(stack):
            raise ValidationError(message="No updates are to be performed.")
    start_update(stack, template, given, tags, role_arn)
    return stack


def defaults(template):
    return {name: str(slot["Default"]) for name, slot in template.get("Parameters", {}).items() if "Default" in slot}


def start_update(stack, template, parameters, tags, role_arn):
    stack.role_arn = role_arn or stack.role_arn
    run = engine.Stack(stack)
    run.say("UPDATE_IN_PROGRESS", "User Initiated")
    stack.events.pop()
    run.run(run.update, template, parameters, tags)


def delete_stack(backend, name_or_stack_id, retain=()):
    stack = next((one for one in backend.stacks.values() if name_or_stack_id in (one.name, one.stack_id)), None)
    if stack is None:
        return
    if stack.enable_termination_protection:
        raise ValidationError(
            message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
        )
    if stack.status == "DELETE_IN_PROGRESS":
        return
    run = engine.Stack(stack)
    run.say("DELETE_IN_PROGRESS", "User Initiated")
    stack.events.pop()
    run.run(run.delete, "User Initiated", tuple(retain))


# Change sets.


def change_set_of(backend, name, stack_name=None):
    for one in backend.change_sets.values():
        if name == one.change_set_id or name == one.change_set_name and stack_name in (one.stack_name, one.stack_id):
            return one
    error = ValidationError(message=f"ChangeSet [{name}] does not exist")
    error.code = error.error_type = "ChangeSetNotFound"
    raise error


def create_change_set(backend, *, plain=CloudFormationBackend.create_change_set, **given):
    kind, name = given["change_set_type"], given["stack_name"]
    stack = next((one for one in backend.stacks.values() if name in (one.name, one.stack_id)), None)
    if kind == "CREATE" and stack is not None:
        if stack.status != "REVIEW_IN_PROGRESS":
            wanted = given["change_set_name"]
            raise ValidationError(
                message=f"Stack [{name}] already exists and cannot be created again with the changeSet [{wanted}]."
            )
        # Another change set for a stack that is only under review.
        del backend.stacks[stack.stack_id]
    if kind == "UPDATE" and stack is not None:
        engine.must_rest(stack, "updated")
        given["stack_name"] = stack.name
    made, stack_id = plain(backend, **given)
    one, stack = backend.change_sets[made], backend.get_stack(stack_id)
    stack.made = getattr(stack, "made", {})
    stack.rows = getattr(stack, "rows", {})
    stack.shown = getattr(stack, "shown", None)
    one.client_on_failure = None
    if kind == "UPDATE":
        same = one.template_dict == stack.template_dict
        same = same and {**defaults(one.template_dict), **one.parameters} == raw_parameters(stack)
        if same and (not one.tags or one.tags == stack.tags):
            one.status, one.execution_status = "FAILED", "UNAVAILABLE"
            one.status_reason = (
                "The submitted information didn't contain changes. "
                "Submit different information to create a change set."
            )
        else:
            one.status, one.execution_status, one.status_reason = "CREATE_COMPLETE", "AVAILABLE", None
    return made, stack_id


def diff(change_set):
    return engine.changes(change_set.stack, change_set.template_dict, change_set.parameters)


def execute_change_set(backend, change_set_name, stack_name=None):
    one = change_set_of(backend, change_set_name, stack_name)
    stack = backend.get_stack(one.stack_id)
    if one.execution_status != "AVAILABLE":
        error = ValidationError(
            message=f"ChangeSet [{one.change_set_id}] cannot be executed in its current status of [{one.status}]"
        )
        error.code = error.error_type = "InvalidChangeSetStatus"
        raise error
    one.execution_status = "EXECUTE_COMPLETE"
    if one.change_set_type == "CREATE":
        stack.template, stack.parameters, stack.tags = one.template, one.parameters, one.tags or {}
        stack._parse_template()
        stack.description = stack.template_dict.get("Description")
        stack.cross_stack_resources = backend.exports
        stack.resource_map = stack._create_resource_map()
        run = engine.Stack(stack)
        run.say("CREATE_IN_PROGRESS", "User Initiated")
        stack.events.pop()
        run.run(run.create, getattr(one, "on_failure", "ROLLBACK"))
    else:
        start_update(stack, one.template, one.parameters, one.tags or None, one.role_arn)


def drift_of(backend, name, resource, was):
    """How a group's sizes differ from its template, or that it is gone: of other kinds nothing is told."""
    if was["Type"] != "AWS::AutoScaling::AutoScalingGroup":
        return None
    groups = autoscaling_backends[backend.account_id][backend.region_name].autoscaling_groups
    group = groups.get(resource.physical_resource_id)
    now = group and {"MinSize": group.min_size, "MaxSize": group.max_size, "DesiredCapacity": group.desired_capacity}
    wanted = {key: was["Properties"][key] for key in now or {} if key in was["Properties"]}
    differences = [
        {"PropertyPath": f"/{key}", "ExpectedValue": str(value), "ActualValue": str(now[key])}
        for key, value in wanted.items()
        if str(value) != str(now[key])
    ]
    return {
        "LogicalResourceId": name,
        "PhysicalResourceId": resource.physical_resource_id,
        "ResourceType": was["Type"],
        "StackResourceDriftStatus": "DELETED" if not now else "MODIFIED" if differences else "IN_SYNC",
        "PropertyDifferences": [{**one, "DifferenceType": "NOT_EQUAL"} for one in differences],
        "Timestamp": utcnow(),
    }


class Responses:
    """Calls that moto answers without what the engine knows, or not at all."""

    def backend(self):
        return cloudformation_backends[self.current_account][self.region]

    def create_stack(self):
        p = self._get_param
        name = p("StackName")
        body = p("TemplateBody") or self._get_stack_from_s3_url(p("TemplateURL"))
        on_failure = p("OnFailure") or ("DO_NOTHING" if self._get_bool_param("DisableRollback", False) else "ROLLBACK")
        stack = create_stack(
            self.backend(),
            name,
            body,
            self._get_params_from_list(p("Parameters", [])),
            notification_arns=p("NotificationARNs", []),
            tags={one["Key"]: one["Value"] for one in p("Tags", [])},
            role_arn=p("RoleARN"),
            enable_termination_protection=self._get_bool_param("EnableTerminationProtection", False),
            timeout_in_mins=p("TimeoutInMinutes"),
            stack_policy_body=p("StackPolicyBody"),
            on_failure=on_failure,
        )
        return ActionResult({"StackId": stack.stack_id})

    def update_stack(self):
        p = self._get_param
        stack = self.backend().get_stack(p("StackName"))
        body = p("TemplateBody") or (self._get_stack_from_s3_url(p("TemplateURL")) if p("TemplateURL") else None)
        tags = {one["Key"]: one["Value"] for one in p("Tags", [])} or None
        update_stack(self.backend(), stack.name, body or stack.template, p("RoleARN"), p("Parameters", []), tags)
        return ActionResult({"StackId": stack.stack_id})

    def delete_stack(self):
        delete_stack(self.backend(), self._get_param("StackName"), self._get_param("RetainResources", []))
        return EmptyResult()

    def describe_change_set(self):
        one = change_set_of(self.backend(), self._get_param("ChangeSetName"), self._get_param("StackName"))
        return ActionResult(one)

    def delete_change_set(self):
        one = change_set_of(self.backend(), self._get_param("ChangeSetName"), self._get_param("StackName"))
        del self.backend().change_sets[one.change_set_id]
        return EmptyResult()

    def list_change_sets(self):
        stack = self.backend().get_stack(self._get_param("StackName"))
        found = [one for one in self.backend().change_sets.values() if one.stack_id == stack.stack_id]
        return ActionResult({"Summaries": found})

    def execute_change_set(self):
        one = change_set_of(self.backend(), self._get_param("ChangeSetName"), self._get_param("StackName"))
        if self._get_bool_param("DisableRollback", False):
            one.on_failure = "DO_NOTHING"
        execute_change_set(self.backend(), one.change_set_id)
        return EmptyResult()

    def describe_stack_events(self):
        events = self.backend().get_stack(self._get_param("StackName")).events[::-1]
        token = self._get_param("NextToken")
        # By the event, since new ones come before it meanwhile.
        at = next((i + 1 for i, event in enumerate(events) if event.event_id == token), 0)
        page = events[at : at + PAGE]
        more = page[-1].event_id if at + PAGE < len(events) else None
        return ActionResult({"StackEvents": page, "NextToken": more})

    def rows(self):
        stack = self.backend().get_stack(self._get_param("StackName"))
        return list(getattr(stack, "rows", {}).values())

    def describe_stack_resources(self):
        wanted = self._get_param("LogicalResourceId")
        found = [row for row in self.rows() if wanted in (None, row["LogicalResourceId"])]
        return ActionResult({"StackResources": found})

    def describe_stack_resource(self):
        wanted = self._get_param("LogicalResourceId")
        for row in self.rows():
            if row["LogicalResourceId"] == wanted:
                return ActionResult({"StackResourceDetail": row})
        name = self._get_param("StackName")
        raise ValidationError(message=f"Resource {wanted} does not exist for stack {name}")

    def list_stack_resources(self):
        return ActionResult({"StackResourceSummaries": self.rows()})

    def update_termination_protection(self):
        stack = self.backend().get_stack(self._get_param("StackName"))
        stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection", False)
        return ActionResult({"StackId": stack.stack_id})

    def detect_stack_drift(self):
        stack = self.backend().get_stack(self._get_param("StackName"))
        engine.must_rest(stack, "checked for drift")
        drifts = [drift_of(self.backend(), name, *one) for name, one in stack.made.items()]
        stack.drifts = [{**one, "StackId": stack.stack_id} for one in drifts if one]
        drifted = any(one["StackResourceDriftStatus"] != "IN_SYNC" for one in stack.drifts)
        status = "DRIFTED" if drifted else "IN_SYNC"
        stack.drift_information = {"StackDriftStatus": status, "LastCheckTimestamp": utcnow()}
        # It is told to be over when it is asked for a second time.
        stack.detection, stack.looks = str(uuid.uuid4()), 0
        return ActionResult({"StackDriftDetectionId": stack.detection})

    def describe_stack_drift_detection_status(self):
        wanted = self._get_param("StackDriftDetectionId")
        stacks = self.backend().stacks.values()
        stack = next((one for one in stacks if getattr(one, "detection", None) == wanted), None)
        if stack is None:
            raise ValidationError(message=f"Drift detection {wanted} does not exist")
        stack.looks += 1
        over = stack.looks > 1
        return ActionResult(
            {
                "StackId": stack.stack_id,
                "StackDriftDetectionId": wanted,
                "DetectionStatus": "DETECTION_COMPLETE" if over else "DETECTION_IN_PROGRESS",
                "StackDriftStatus": stack.drift_information["StackDriftStatus"] if over else None,
                "Timestamp": utcnow(),
            }
        )

    def describe_stack_resource_drifts(self):
        stack = self.backend().get_stack(self._get_param("StackName"))
        wanted = self._get_param("StackResourceDriftStatusFilters", [])
        found = getattr(stack, "drifts", [])
        found = [one for one in found if not wanted or one["StackResourceDriftStatus"] in wanted]
        return ActionResult({"StackResourceDrifts": found})

    def rollback_stack(self):
        stack = self.backend().get_stack(self._get_param("StackName"))
        if stack.status != "CREATE_FAILED":
            raise ValidationError(
                message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be rolled back."
            )
        run = engine.Stack(stack)
        run.run(run.roll_back, "User Initiated")
        return ActionResult({"StackId": stack.stack_id})


def install():
    """Puts all of it in moto's place."""
    parsing.clean_json = engine.clean_json
    parsing.ResourceMap.load_parameters = engine.load_parameters
    parsing.ResourceMap.validate_outputs = lambda resources: None
    Plain.stack_parameters = property(raw_parameters)
    Plain.parameter_list = property(shown_parameters)
    Plain.outputs = property(lambda stack: getattr(stack, "shown", None))
    Plain.stack_resources = property(lambda stack: [one for one, _ in getattr(stack, "made", {}).values()])
    for one in (create_stack, update_stack, delete_stack, create_change_set, execute_change_set):
        setattr(CloudFormationBackend, one.__name__, one)
    ChangeSet.diff = diff
    for name, one in vars(Responses).items():
        if not name.startswith("__"):
            setattr(CloudFormationResponse, name, one)
