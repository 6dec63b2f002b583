"""The kinds of resources that moto's CloudFormation lacks, one class each."""

import json

import signals
from kinds import Kind, Made, handle, kind


def without(properties, *names):
    return {key: value for key, value in properties.items() if key not in names}


def policy(value):
    return value if isinstance(value, str) else json.dumps(value)


@kind("AWS::CloudFormation::WaitConditionHandle")
class WaitConditionHandle(Kind):
    def create(self, calls, name, p):
        return handle()

    def delete(self, calls, physical, p):
        signals.HANDLES.pop(physical.rsplit("/", 1)[1], None)


@kind("AWS::CloudFormation::WaitCondition")
class WaitCondition(Kind):
    def create(self, calls, name, p):
        one = signals.HANDLES[p["Handle"].rsplit("/", 1)[1]]
        got = {unique: signal["Data"] for unique, signal in one.got.items()}
        return Made(f"{one.url}/{name}", {"Data": json.dumps(got)})

    def update(self, calls, old, p):
        raise ValueError("Update to resource type AWS::CloudFormation::WaitCondition is not supported.")

    def delete(self, calls, physical, p):
        pass


class Rule(Kind):
    """A rule of a security group."""

    def create(self, calls, name, p):
        permission = {key: p[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in p}
        permission["IpProtocol"] = str(permission["IpProtocol"])
        for port in ("FromPort", "ToPort"):
            if port in permission:
                permission[port] = int(permission[port])
        about = {"Description": p["Description"]} if "Description" in p else {}
        group = p.get("SourceSecurityGroupId") or p.get("DestinationSecurityGroupId")
        if "CidrIp" in p:
            permission["IpRanges"] = [{"CidrIp": p["CidrIp"], **about}]
        elif "CidrIpv6" in p:
            permission["Ipv6Ranges"] = [{"CidrIpv6": p["CidrIpv6"], **about}]
        elif group:
            permission["UserIdGroupPairs"] = [{"GroupId": group, **about}]
        else:
            prefixes = p.get("SourcePrefixListId") or p.get("DestinationPrefixListId")
            permission["PrefixListIds"] = [{"PrefixListId": prefixes, **about}]
        made = self.authorize(calls.ec2)(GroupId=p["GroupId"], IpPermissions=[permission])
        rule = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        return Made(rule, {"Id": rule})


@kind("AWS::EC2::SecurityGroupIngress")
class Ingress(Rule):
    def authorize(self, ec2):
        return ec2.authorize_security_group_ingress

    def delete(self, calls, physical, p):
        calls.ec2.revoke_security_group_ingress(GroupId=p["GroupId"], SecurityGroupRuleIds=[physical])


@kind("AWS::EC2::SecurityGroupEgress")
class Egress(Rule):
    def authorize(self, ec2):
        return ec2.authorize_security_group_egress

    def delete(self, calls, physical, p):
        calls.ec2.revoke_security_group_egress(GroupId=p["GroupId"], SecurityGroupRuleIds=[physical])


@kind("AWS::EC2::KeyPair", "KeyName")
class KeyPair(Kind):
    def create(self, calls, name, p):
        name = p.get("KeyName", name)
        if "PublicKeyMaterial" in p:
            made = calls.ec2.import_key_pair(KeyName=name, PublicKeyMaterial=p["PublicKeyMaterial"].encode())
        else:
            made = calls.ec2.create_key_pair(KeyName=name, KeyType=p.get("KeyType", "rsa"))
        one = Made(name, {"KeyPairId": made["KeyPairId"], "KeyFingerprint": made["KeyFingerprint"]})
        one.key_pair_id = made["KeyPairId"]
        return one

    def delete(self, calls, physical, p):
        calls.ec2.delete_key_pair(KeyName=physical)


@kind("AWS::EC2::SpotFleet")
class SpotFleet(Kind):
    def create(self, calls, name, p):
        wanted = dict(p["SpotFleetRequestConfigData"])
        for config in wanted.get("LaunchTemplateConfigs", []):
            template = config["LaunchTemplateSpecification"]
            template["Version"] = str(template["Version"])
            for one in config.get("Overrides", []):
                # AWS chooses between the subnets of a list; moto takes one.
                if "SubnetId" in one:
                    one["SubnetId"] = one["SubnetId"].split(",")[0]
        for key in ("TargetCapacity", "OnDemandTargetCapacity"):
            if key in wanted:
                wanted[key] = int(wanted[key])
        made = calls.ec2.request_spot_fleet(SpotFleetRequestConfig=wanted)["SpotFleetRequestId"]
        return Made(made, {"Id": made})

    def update(self, calls, old, p):
        target = int(p["SpotFleetRequestConfigData"]["TargetCapacity"])
        calls.ec2.modify_spot_fleet_request(SpotFleetRequestId=old.physical_resource_id, TargetCapacity=target)

    def delete(self, calls, physical, p):
        calls.ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[physical], TerminateInstances=True)


@kind("AWS::AutoScaling::AutoScalingGroup", "AutoScalingGroupName")
class Group(Kind):
    SIZES = ("MinSize", "MaxSize", "DesiredCapacity")

    def parameters(self, p):
        wanted = without(p, "LifecycleHookSpecificationList", "Tags", *self.SIZES)
        wanted |= {key: int(p[key]) for key in self.SIZES if key in p}
        if "VPCZoneIdentifier" in p:
            wanted["VPCZoneIdentifier"] = ",".join(p["VPCZoneIdentifier"])
        for key in ("HealthCheckGracePeriod", "Cooldown"):
            if key in wanted:
                wanted[{"Cooldown": "DefaultCooldown"}.get(key, key)] = int(wanted.pop(key))
        mixed = wanted.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
        for template in (wanted.get("LaunchTemplate"), mixed.get("LaunchTemplateSpecification")):
            if template:
                template["Version"] = str(template["Version"])
        for key, value in wanted.get("MixedInstancesPolicy", {}).get("InstancesDistribution", {}).items():
            if key.startswith("OnDemand") and key != "OnDemandAllocationStrategy":
                wanted["MixedInstancesPolicy"]["InstancesDistribution"][key] = int(value)
        return wanted

    def tags(self, name, p):
        more = {"ResourceId": name, "ResourceType": "auto-scaling-group"}
        return [{**one, **more} for one in p.get("Tags", [])]

    def create(self, calls, name, p):
        wanted = self.parameters(p)
        wanted["AutoScalingGroupName"] = name
        calls.autoscaling.create_auto_scaling_group(**wanted, Tags=self.tags(name, p))
        self.hooks(calls, name, p)
        return Made(name, {"AutoScalingGroupARN": self.arn(calls, name)})

    def arn(self, calls, name):
        groups = calls.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        return groups["AutoScalingGroups"][0]["AutoScalingGroupARN"]

    def hooks(self, calls, name, p):
        for hook in p.get("LifecycleHookSpecificationList", []):
            put_hook(calls, name, hook)

    def update(self, calls, old, p):
        name = old.physical_resource_id
        now = calls.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
        wanted = without(self.parameters(p), "AutoScalingGroupName", "TargetGroupARNs", "LoadBalancerNames")
        calls.autoscaling.update_auto_scaling_group(AutoScalingGroupName=name, **wanted)
        have, want = set(now.get("TargetGroupARNs", [])), set(p.get("TargetGroupARNs", []))
        if want - have:
            calls.autoscaling.attach_load_balancer_target_groups(
                AutoScalingGroupName=name, TargetGroupARNs=sorted(want - have)
            )
        if have - want:
            calls.autoscaling.detach_load_balancer_target_groups(
                AutoScalingGroupName=name, TargetGroupARNs=sorted(have - want)
            )
        calls.autoscaling.create_or_update_tags(Tags=self.tags(name, p))
        self.hooks(calls, name, p)

    def delete(self, calls, physical, p):
        calls.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=physical, ForceDelete=True)


def put_hook(calls, group, hook):
    wanted = without(hook, "AutoScalingGroupName")
    if "HeartbeatTimeout" in wanted:
        wanted["HeartbeatTimeout"] = int(wanted["HeartbeatTimeout"])
    calls.autoscaling.put_lifecycle_hook(AutoScalingGroupName=group, **wanted)


@kind("AWS::AutoScaling::LifecycleHook", "LifecycleHookName")
class LifecycleHook(Kind):
    def create(self, calls, name, p):
        put_hook(calls, p["AutoScalingGroupName"], {**p, "LifecycleHookName": name})
        return Made(name)

    def update(self, calls, old, p):
        put_hook(calls, p["AutoScalingGroupName"], {**p, "LifecycleHookName": old.physical_resource_id})

    def delete(self, calls, physical, p):
        calls.autoscaling.delete_lifecycle_hook(
            AutoScalingGroupName=p["AutoScalingGroupName"], LifecycleHookName=physical
        )


@kind("AWS::ElasticLoadBalancingV2::LoadBalancer", "Name")
class Balancer(Kind):
    def create(self, calls, name, p):
        wanted = without(p, "LoadBalancerAttributes", "Name")
        made = calls.elbv2.create_load_balancer(Name=name, **wanted)["LoadBalancers"][0]
        arn = made["LoadBalancerArn"]
        self.attributes(calls, arn, p)
        return Made(
            arn,
            {
                "LoadBalancerArn": arn,
                "DNSName": made["DNSName"],
                "CanonicalHostedZoneID": made.get("CanonicalHostedZoneId"),
                "LoadBalancerName": made["LoadBalancerName"],
                "LoadBalancerFullName": arn.split(":loadbalancer/")[1],
                "SecurityGroups": made.get("SecurityGroups", []),
            },
        )

    def attributes(self, calls, arn, p):
        if p.get("LoadBalancerAttributes"):
            calls.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=p["LoadBalancerAttributes"])

    def update(self, calls, old, p):
        arn = old.physical_resource_id
        self.attributes(calls, arn, p)
        if "Subnets" in p:
            calls.elbv2.set_subnets(LoadBalancerArn=arn, Subnets=p["Subnets"])
        if p.get("SecurityGroups"):
            calls.elbv2.set_security_groups(LoadBalancerArn=arn, SecurityGroups=p["SecurityGroups"])

    def delete(self, calls, physical, p):
        calls.elbv2.delete_load_balancer(LoadBalancerArn=physical)


@kind("AWS::ElasticLoadBalancingV2::TargetGroup", "Name")
class Targets(Kind):
    def create(self, calls, name, p):
        wanted = without(p, "TargetGroupAttributes", "Targets", "Name")
        made = calls.elbv2.create_target_group(Name=name, **wanted)["TargetGroups"][0]
        arn = made["TargetGroupArn"]
        self.attributes(calls, arn, p)
        if p.get("Targets"):
            calls.elbv2.register_targets(TargetGroupArn=arn, Targets=p["Targets"])
        return Made(
            arn,
            {
                "TargetGroupArn": arn,
                "TargetGroupName": made["TargetGroupName"],
                "TargetGroupFullName": arn.split(":", 5)[5],
                "LoadBalancerArns": made.get("LoadBalancerArns", []),
            },
        )

    def attributes(self, calls, arn, p):
        if p.get("TargetGroupAttributes"):
            calls.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=p["TargetGroupAttributes"])

    def update(self, calls, old, p):
        arn = old.physical_resource_id
        self.attributes(calls, arn, p)
        health = {key: value for key, value in p.items() if "Health" in key or key == "UnhealthyThresholdCount"}
        if health:
            calls.elbv2.modify_target_group(TargetGroupArn=arn, **health)

    def delete(self, calls, physical, p):
        calls.elbv2.delete_target_group(TargetGroupArn=physical)


@kind("AWS::ElasticLoadBalancingV2::Listener")
class Listener(Kind):
    def create(self, calls, name, p):
        arn = calls.elbv2.create_listener(**p)["Listeners"][0]["ListenerArn"]
        return Made(arn, {"ListenerArn": arn})

    def update(self, calls, old, p):
        calls.elbv2.modify_listener(ListenerArn=old.physical_resource_id, **without(p, "LoadBalancerArn"))

    def delete(self, calls, physical, p):
        calls.elbv2.delete_listener(ListenerArn=physical)


@kind("AWS::SQS::QueuePolicy")
class QueuePolicy(Kind):
    def put(self, calls, queues, document):
        for queue in queues:
            name = queue.rsplit("/", 1)[1]
            # SQS takes no statement that covers another queue, and none that covers several.
            for statement in json.loads(document)["Statement"] if document else ():
                if not isinstance(statement["Resource"], str) or not statement["Resource"].endswith(":" + name):
                    raise ValueError("Invalid value for the parameter Policy.")
            url = calls.sqs.get_queue_url(QueueName=name)["QueueUrl"]
            calls.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})

    def create(self, calls, name, p):
        self.put(calls, p["Queues"], policy(p["PolicyDocument"]))
        return Made(name, {"Id": name})

    def update(self, calls, old, p):
        self.put(calls, p["Queues"], policy(p["PolicyDocument"]))

    def delete(self, calls, physical, p):
        self.put(calls, p["Queues"], "")


@kind("AWS::SecretsManager::Secret", "Name")
class Secret(Kind):
    def create(self, calls, name, p):
        wanted = {key: p[key] for key in ("Description", "KmsKeyId", "SecretString", "Tags") if key in p}
        if generate := p.get("GenerateSecretString"):
            options = without(generate, "SecretStringTemplate", "GenerateStringKey")
            word = calls.secretsmanager.get_random_password(**options)["RandomPassword"]
            wanted["SecretString"] = word
            if "GenerateStringKey" in generate:
                text = json.loads(generate.get("SecretStringTemplate", "{}"))
                wanted["SecretString"] = json.dumps({**text, generate["GenerateStringKey"]: word})
        arn = calls.secretsmanager.create_secret(Name=name, **wanted)["ARN"]
        return Made(arn, {"Id": arn})

    def update(self, calls, old, p):
        wanted = {key: p[key] for key in ("Description", "SecretString") if key in p}
        calls.secretsmanager.update_secret(SecretId=old.physical_resource_id, **wanted)

    def delete(self, calls, physical, p):
        calls.secretsmanager.delete_secret(SecretId=physical, ForceDeleteWithoutRecovery=True)


@kind("AWS::RDS::DBCluster", "DBClusterIdentifier")
class DbCluster(Kind):

    def create(self, calls, name, p):
        name = name.lower()
        wanted = without(p, "DBClusterIdentifier")
        made = calls.rds.create_db_cluster(DBClusterIdentifier=name, **wanted)["DBCluster"]
        secret = made.get("MasterUserSecret", {})
        attributes = {
            "Endpoint": made["Endpoint"],
            "Endpoint.Address": made["Endpoint"],
            "Endpoint.Port": str(made.get("Port", 5432)),
            "ReadEndpoint.Address": made.get("ReaderEndpoint", made["Endpoint"]),
            "DBClusterArn": made["DBClusterArn"],
            "DBClusterResourceId": made.get("DbClusterResourceId"),
        }
        if secret:
            attributes["MasterUserSecret.SecretArn"] = secret["SecretArn"]
        return Made(name, attributes)

    def update(self, calls, old, p):
        keys = ("BackupRetentionPeriod", "EngineVersion", "ServerlessV2ScalingConfiguration", "DeletionProtection")
        wanted = {key: p[key] for key in keys if key in p}
        calls.rds.modify_db_cluster(DBClusterIdentifier=old.physical_resource_id, **wanted)

    def delete(self, calls, physical, p):
        calls.rds.delete_db_cluster(DBClusterIdentifier=physical, SkipFinalSnapshot=True)


@kind("AWS::RDS::DBInstance", "DBInstanceIdentifier")
class DbInstance(Kind):
    def create(self, calls, name, p):
        name = name.lower()
        wanted = without(p, "DBInstanceIdentifier")
        for key in ("AllocatedStorage", "Port", "Iops"):
            if key in wanted:
                wanted[key] = int(wanted[key])
        made = calls.rds.create_db_instance(DBInstanceIdentifier=name, **wanted)["DBInstance"]
        endpoint = made.get("Endpoint", {})
        return Made(
            name,
            {
                "Endpoint.Address": endpoint.get("Address"),
                "Endpoint.Port": str(endpoint.get("Port")),
                "DBInstanceArn": made["DBInstanceArn"],
            },
        )

    def update(self, calls, old, p):
        keys = ("DBInstanceClass", "PubliclyAccessible", "BackupRetentionPeriod")
        wanted = {key: p[key] for key in keys if key in p}
        calls.rds.modify_db_instance(DBInstanceIdentifier=old.physical_resource_id, **wanted)

    def delete(self, calls, physical, p):
        calls.rds.delete_db_instance(DBInstanceIdentifier=physical, SkipFinalSnapshot=True)


@kind("AWS::S3::BucketPolicy")
class BucketPolicy(Kind):
    def create(self, calls, name, p):
        calls.s3.put_bucket_policy(Bucket=p["Bucket"], Policy=policy(p["PolicyDocument"]))
        return Made(p["Bucket"])

    def update(self, calls, old, p):
        self.create(calls, None, p)

    def delete(self, calls, physical, p):
        calls.s3.delete_bucket_policy(Bucket=physical)


@kind("AWS::S3::Bucket", "BucketName")
class Bucket(Kind):
    def create(self, calls, name, p):
        name = name.lower()
        where = {} if calls.region == "us-east-1" else {"LocationConstraint": calls.region}
        calls.s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": where} if where else {}))
        self.configure(calls, name, p)
        return Made(
            name,
            {
                "Arn": f"arn:aws:s3:::{name}",
                "DomainName": f"{name}.s3.amazonaws.com",
                "RegionalDomainName": f"{name}.s3.{calls.region}.amazonaws.com",
            },
        )

    def configure(self, calls, name, p):
        s3 = calls.s3
        if encryption := p.get("BucketEncryption"):
            rules = [
                {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
                for rule in encryption["ServerSideEncryptionConfiguration"]
            ]
            s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
        if versions := p.get("VersioningConfiguration"):
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=versions)
        if block := p.get("PublicAccessBlockConfiguration"):
            s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
        if ownership := p.get("OwnershipControls"):
            s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=ownership)
        if lifecycle := p.get("LifecycleConfiguration"):
            rules = [self.lifecycle(number, rule) for number, rule in enumerate(lifecycle["Rules"], 1)]
            s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
        # Only AWS itself writes tags of its own there.
        if tags := [one for one in p.get("Tags", []) if not one["Key"].startswith("aws:")]:
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})

    def lifecycle(self, number, rule):
        kept = {"ID": rule.get("Id", f"rule-{number}"), "Status": rule["Status"], "Filter": {"Prefix": ""}}
        kept["Filter"]["Prefix"] = rule.get("Prefix", "")
        if "ExpirationInDays" in rule:
            kept["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
        for key in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
            if key in rule:
                kept[key] = rule[key]
        return kept

    def update(self, calls, old, p):
        self.configure(calls, old.physical_resource_id, p)

    def delete(self, calls, physical, p):
        calls.s3.delete_bucket(Bucket=physical)
