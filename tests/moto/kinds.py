"""Kinds of resources: those that moto's CloudFormation has not, or has wrong, made by calls to moto's own API, whose
parameters are those of CloudFormation nearly everywhere; and what is common to all, as tags and a resource's end."""

import functools
import json

import boto3
from botocore.config import Config
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.ec2.models import ec2_backends

import signals

BASE = None
SESSION = boto3.Session()
KINDS = {}


@functools.lru_cache(maxsize=256)
def client(service, account, region):
    """A client of this very server, in an account."""
    made = SESSION.client(
        service,
        region_name=region,
        endpoint_url=BASE,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )

    def as_account(request, **_):
        request.headers.add_header("x-moto-account-id", account)
        request.headers.add_header("x-k3fleet-own", "1")

    made.meta.events.register("before-sign", as_account)
    return made


class Calls:
    """The clients for one resource."""

    def __init__(self, account, region):
        self.account, self.region = account, region

    def __getattr__(self, service):
        return client(service, self.account, self.region)


class Made:
    """A resource: what `Ref` and `Fn::GetAtt` say of it."""

    def __init__(self, physical, attributes=None):
        self.physical_resource_id = physical
        self.attributes = attributes or {}
        self.logical_resource_id = self.cf_resource_type = None

    def get_cfn_attribute(self, name):
        if name not in self.attributes:
            raise ValueError(f"this fake of AWS has no attribute {name} of {self.cf_resource_type}")
        return self.attributes[name]

    def is_created(self):
        return True


class Kind:
    """A kind of resource. `create` and `update` return what was made; one without `update` is replaced by any change."""

    name_property = ""
    update = None

    def create(self, calls, name, properties):
        raise NotImplementedError

    def delete(self, calls, physical, properties):
        raise NotImplementedError


def kind(of, name_property=""):
    """Makes moto's CloudFormation use a class for a type."""

    def known(cls):
        one = cls()
        one.name_property = name_property
        KINDS[of] = one
        return cls

    return known


def adapter(of, one):
    """A class as moto looks for it."""

    def create(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        properties = cloudformation_json.get("Properties", {})
        return one.create(Calls(account_id, region_name), resource_name, dict(properties))

    def update(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
        properties = dict(cloudformation_json.get("Properties", {}))
        return one.update(Calls(account_id, region_name), original_resource, properties) or original_resource

    body = {
        "cloudformation_type": staticmethod(lambda: of),
        "cloudformation_name_type": staticmethod(lambda: one.name_property),
        "has_cfn_attr": classmethod(lambda cls, attribute: True),
        "create_from_cloudformation_json": classmethod(create),
    }
    if one.update:
        body["update_from_cloudformation_json"] = classmethod(update)
    else:
        body["update_from_cloudformation_json"] = CloudFormationModel.update_from_cloudformation_json
    return type("Adapted", (), body)


# Whatever has no end of its own in moto's CloudFormation.
ENDS = {
    "AWS::AutoScaling::ScheduledAction": lambda calls, res, p: calls.autoscaling.delete_scheduled_action(
        AutoScalingGroupName=p["AutoScalingGroupName"], ScheduledActionName=res.scheduled_action_name
    ),
    "AWS::EC2::EIP": lambda calls, res, p: calls.ec2.release_address(AllocationId=res.allocation_id),
    "AWS::EC2::InternetGateway": lambda calls, res, p: calls.ec2.delete_internet_gateway(InternetGatewayId=res.id),
    "AWS::EC2::NatGateway": lambda calls, res, p: calls.ec2.delete_nat_gateway(NatGatewayId=res.id),
    "AWS::EC2::Route": lambda calls, res, p: calls.ec2.delete_route(
        RouteTableId=p["RouteTableId"], DestinationCidrBlock=p["DestinationCidrBlock"]
    ),
    "AWS::EC2::RouteTable": lambda calls, res, p: calls.ec2.delete_route_table(RouteTableId=res.id),
    "AWS::EC2::VPCGatewayAttachment": lambda calls, res, p: calls.ec2.detach_internet_gateway(
        InternetGatewayId=p["InternetGatewayId"], VpcId=p["VpcId"]
    ),
    "AWS::IAM::ManagedPolicy": lambda calls, res, p: calls.iam.delete_policy(PolicyArn=res.arn),
    "AWS::IAM::InstanceProfile": lambda calls, res, p: end_of_profile(calls, res),
    "AWS::Lambda::EventSourceMapping": lambda calls, res, p: getattr(calls, "lambda").delete_event_source_mapping(
        UUID=res.uuid
    ),
    "AWS::Lambda::Permission": lambda calls, res, p: None,
}


def end_of_profile(calls, profile):
    for role in list(profile.roles):
        calls.iam.remove_role_from_instance_profile(InstanceProfileName=profile.name, RoleName=role.name)
    calls.iam.delete_instance_profile(InstanceProfileName=profile.name)


def remove(resource, was, resources):
    """Deletes a resource of whatever kind."""
    account, region = resources._account_id, resources._region_name
    calls = Calls(account, region)
    if was["Type"] in KINDS:
        KINDS[was["Type"]].delete(calls, resource.physical_resource_id, was["Properties"])
    elif was["Type"] in ENDS:
        ENDS[was["Type"]](calls, resource, was["Properties"])
    else:
        resources._delete_resource(resource, was)


# What EC2 has no tags for; some of these go by the id of something else.
UNTAGGED = ("AWS::EC2::Route", "AWS::EC2::VPCGatewayAttachment", "AWS::EC2::SubnetRouteTableAssociation")


def tag(resource, name, stack):
    """Tags what EC2 has with the tags of the stack and of CloudFormation. What other services have is made with them."""
    physical = getattr(resource, "physical_resource_id", None)
    if resource.cf_resource_type.startswith("AWS::EC2::") and resource.cf_resource_type not in UNTAGGED:
        backend = ec2_backends[stack.account_id][stack.region_name]
        own = {one["Key"]: one["Value"] for one in stack.made[name][1]["Properties"].get("Tags", [])}
        ids = [getattr(resource, "allocation_id", None) or physical, getattr(resource, "key_pair_id", None)]
        for one in ids:
            if one and "-" in str(one):
                backend.create_tags([one], {**tags_of(stack, name), **own})
    if resource.cf_resource_type == "AWS::Lambda::EventSourceMapping":
        # Moto would run the function in Docker for each message: queues keep their messages, for the test to read.
        from moto.sqs.models import sqs_backends

        for queue in sqs_backends[stack.account_id][stack.region_name].queues.values():
            queue.lambda_event_source_mappings.clear()


def tags_of(stack, name):
    return {
        **stack.tags,
        "aws:cloudformation:stack-name": stack.name,
        "aws:cloudformation:stack-id": stack.stack_id,
        "aws:cloudformation:logical-id": name,
    }


# Where a kind outside EC2 has its tags.
TAGGED = {
    "AWS::AutoScaling::AutoScalingGroup": "Tags",
    "AWS::EFS::FileSystem": "FileSystemTags",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Tags",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "Tags",
    "AWS::IAM::Role": "Tags",
    "AWS::Lambda::Function": "Tags",
    "AWS::RDS::DBCluster": "Tags",
    "AWS::RDS::DBInstance": "Tags",
    "AWS::RDS::DBSubnetGroup": "Tags",
    "AWS::S3::Bucket": "Tags",
    "AWS::SecretsManager::Secret": "Tags",
    "AWS::SQS::Queue": "Tags",
}


def with_tags(of, properties, tags):
    """Properties with the tags that a stack gives its resources, where those don't have them already."""
    field = TAGGED.get(of)
    if not field:
        return properties
    own = list(properties.get(field) or [])
    have = {one["Key"] for one in own}
    more = [{"Key": key, "Value": value} for key, value in tags.items() if key not in have]
    if of == "AWS::AutoScaling::AutoScalingGroup":
        more = [{**one, "PropagateAtLaunch": True} for one in more]
    return {**properties, field: own + more}


def named(logical_id, resource_json, resources, plain=parsing.parse_resource_and_generate_name):
    """Moto's, with the stack's tags."""
    found = plain(logical_id, resource_json, resources)
    if not found:
        return found
    cls, parsed, name = found
    stack = type("", (), {})()
    stack.name, stack.stack_id = resources["AWS::StackName"], resources.stack_id
    stack.tags = {key: value for key, value in resources.tags.items() if not key.startswith("aws:")}
    parsed["Properties"] = with_tags(parsed["Type"], parsed.get("Properties", {}), tags_of(stack, logical_id))
    return cls, parsed, name


@functools.cache
def create_only(of):
    """The properties of a type that cannot change, as the schemas say that cfn-lint has."""
    try:
        from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", of).schema
    except Exception:
        return frozenset()
    return frozenset(path.split("/")[2] for path in schema.get("createOnlyProperties", []) if path.count("/") == 2)


def changed(old, new):
    return {key for key in set(old) | set(new) if old.get(key) != new.get(key)}


def replaced(of, old, new):
    """Whether another must take a resource's place."""
    return bool(changed(old, new) & create_only(of))


def details(old, new, moved, modified, references):
    """What changes in a resource, as a change set tells it: a list, empty when nothing does."""
    found = []

    def add(attribute, name, source, evaluation, cause=None):
        recreation = "Never"
        if attribute == "Properties" and name in create_only(new["Type"]):
            recreation = "Always" if evaluation == "Static" else "Conditionally"
        detail = {
            "Target": {"Attribute": attribute, "RequiresRecreation": recreation},
            "Evaluation": evaluation,
            "ChangeSource": source,
        }
        if name:
            detail["Target"]["Name"] = name
        if cause:
            detail["CausingEntity"] = cause
        found.append(detail)

    was, wants = old.get("Properties", {}), new.get("Properties", {})
    for name in sorted(changed(was, wants)):
        add("Properties", name, "DirectModification", "Static")
    for attribute in ("DeletionPolicy", "UpdatePolicy", "UpdateReplacePolicy", "Metadata"):
        if old.get(attribute) != new.get(attribute):
            add(attribute, None, "DirectModification", "Static")
    for name, value in sorted(wants.items()):
        for refers, attribute in sorted(references(value), key=str):
            if refers in moved:
                add("Properties", name, "ParameterReference", "Static", refers)
            elif refers in modified and attribute:
                add("Properties", name, "ResourceAttribute", "Dynamic", f"{refers}.{attribute}")
            elif refers in modified and modified[refers].replacement != "False":
                add("Properties", name, "ResourceReference", "Dynamic", refers)
        # Mappings are found by name.
        if any(f'"Fn::FindInMap": ["{one}"' in json.dumps(value) for one in moved):
            add("Properties", name, "DirectModification", "Static")
    return found


def install(base):
    """Makes moto know the kinds; `base` is the server's own URL."""
    global BASE
    BASE = base
    import resources  # noqa: F401  (they fill KINDS)
    import resources_more  # noqa: F401

    for of, one in KINDS.items():
        parsing.get_model_map()[of] = adapter(of, one)
        parsing.get_name_type_map()[of] = one.name_property
    parsing.NULL_MODELS.clear()
    parsing.parse_resource_and_generate_name = named
    plain = parsing.resource_name_property_from_type
    parsing.resource_name_property_from_type = lambda of: KINDS[of].name_property if of in KINDS else plain(of)


def handle():
    """A new wait condition handle."""
    one = signals.Handle(BASE)
    return Made(one.url)
