"""Kinds of resources that moto's CloudFormation has, but without their attributes, policies, names or their end."""

from kinds import Kind, Made, kind
from resources import policy, without


@kind("AWS::EC2::SubnetRouteTableAssociation")
class Association(Kind):
    def create(self, calls, name, p):
        made = calls.ec2.associate_route_table(RouteTableId=p["RouteTableId"], SubnetId=p["SubnetId"])
        return Made(made["AssociationId"], {"Id": made["AssociationId"]})

    def delete(self, calls, physical, p):
        calls.ec2.disassociate_route_table(AssociationId=physical)


@kind("AWS::EC2::VPCEndpoint")
class Endpoint(Kind):
    def create(self, calls, name, p):
        made = calls.ec2.create_vpc_endpoint(**self.parameters(p))["VpcEndpoint"]
        made = calls.ec2.describe_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])["VpcEndpoints"][0]
        service = p["ServiceName"].rsplit(".", 1)[1]
        # CloudFormation's form: a hosted zone, a colon and a name, first that of the whole region.
        own = f"{made['VpcEndpointId']}-{made['VpcEndpointId'][-8:]}.{service}.{calls.region}.vpce.amazonaws.com"
        return Made(
            made["VpcEndpointId"],
            {
                "Id": made["VpcEndpointId"],
                "DnsEntries": [f"Z7HUB22UULQXV:{own}"] if p.get("VpcEndpointType") == "Interface" else [],
                "NetworkInterfaceIds": made.get("NetworkInterfaceIds", []),
                "CreationTimestamp": str(made.get("CreationTimestamp")),
            },
        )

    def parameters(self, p):
        wanted = without(p, "Tags")
        if "PolicyDocument" in wanted:
            wanted["PolicyDocument"] = policy(wanted["PolicyDocument"])
        return wanted

    def update(self, calls, old, p):
        id = old.physical_resource_id
        now = calls.ec2.describe_vpc_endpoints(VpcEndpointIds=[id])["VpcEndpoints"][0]
        have = {
            "SubnetIds": set(now.get("SubnetIds", [])),
            "SecurityGroupIds": {one["GroupId"] for one in now.get("Groups", [])},
            "RouteTableIds": set(now.get("RouteTableIds", [])),
        }
        wanted = {}
        for key, has in have.items():
            if add := set(p.get(key, [])) - has:
                wanted[f"Add{key}"] = sorted(add)
            if less := has - set(p.get(key, [])):
                wanted[f"Remove{key}"] = sorted(less)
        if wanted:
            calls.ec2.modify_vpc_endpoint(VpcEndpointId=id, **wanted)

    def delete(self, calls, physical, p):
        calls.ec2.delete_vpc_endpoints(VpcEndpointIds=[physical])


@kind("AWS::EFS::FileSystem")
class FileSystem(Kind):
    def create(self, calls, name, p):
        wanted = {key: p[key] for key in ("Encrypted", "KmsKeyId", "PerformanceMode", "ThroughputMode") if key in p}
        made = calls.efs.create_file_system(CreationToken=name[-64:], Tags=p.get("FileSystemTags", []), **wanted)
        one = Made(made["FileSystemId"], {"Arn": made["FileSystemArn"], "FileSystemId": made["FileSystemId"]})
        self.update(calls, one, p)
        return one

    def update(self, calls, old, p):
        if "FileSystemPolicy" in p:
            calls.efs.put_file_system_policy(
                FileSystemId=old.physical_resource_id, Policy=policy(p["FileSystemPolicy"])
            )

    def delete(self, calls, physical, p):
        calls.efs.delete_file_system(FileSystemId=physical)


@kind("AWS::RDS::DBSubnetGroup", "DBSubnetGroupName")
class DbSubnets(Kind):
    def create(self, calls, name, p):
        name = name.lower()
        calls.rds.create_db_subnet_group(DBSubnetGroupName=name, **without(p, "DBSubnetGroupName"))
        return Made(name)

    def update(self, calls, old, p):
        wanted = without(p, "DBSubnetGroupName", "Tags")
        calls.rds.modify_db_subnet_group(DBSubnetGroupName=old.physical_resource_id, **wanted)

    def delete(self, calls, physical, p):
        calls.rds.delete_db_subnet_group(DBSubnetGroupName=physical)


@kind("AWS::SSM::Parameter", "Name")
class Parameter(Kind):
    def put(self, calls, name, p):
        wanted = {key: p[key] for key in ("Type", "Value", "Description", "Tier", "AllowedPattern") if key in p}
        calls.ssm.put_parameter(Name=name, Overwrite=True, **wanted)
        return {"Type": p["Type"], "Value": p["Value"]}

    def create(self, calls, name, p):
        attributes = self.put(calls, name, p)
        if tags := p.get("Tags"):
            tags = [{"Key": key, "Value": str(value)} for key, value in tags.items()]
            calls.ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=tags)
        return Made(name, attributes)

    def update(self, calls, old, p):
        old.attributes = self.put(calls, old.physical_resource_id, p)

    def delete(self, calls, physical, p):
        calls.ssm.delete_parameter(Name=physical)


@kind("AWS::SQS::Queue", "QueueName")
class Queue(Kind):
    def attributes(self, p):
        wanted = without(p, "QueueName", "Tags")
        for key in ("RedrivePolicy", "RedriveAllowPolicy"):
            if key in wanted:
                wanted[key] = policy(wanted[key])
        return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in wanted.items()}

    def create(self, calls, name, p):
        tags = {one["Key"]: one["Value"] for one in p.get("Tags", [])}
        url = calls.sqs.create_queue(QueueName=name[-80:], Attributes=self.attributes(p), tags=tags)["QueueUrl"]
        arn = calls.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return Made(url, {"Arn": arn, "QueueName": url.rsplit("/", 1)[1], "QueueUrl": url})

    def update(self, calls, old, p):
        if wanted := self.attributes(p):
            calls.sqs.set_queue_attributes(QueueUrl=old.physical_resource_id, Attributes=wanted)

    def delete(self, calls, physical, p):
        calls.sqs.delete_queue(QueueUrl=physical)
