"""The kinds of resources of a highly available cluster: what the services say of them, and that nothing is left."""

import base64
import json
import unittest

from support import KEY, Account, att, ref, resource, template

LISTENS = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
ASSUMED = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
TAGS = [{"Key": "k3s:cluster", "Value": "shop"}]


class Kinds(Account):
    def setUp(self):
        super().setUp()
        ec2 = self.client("ec2")
        self.vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        self.subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]]
        self.image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["al2023*"]}])["Images"][0]["ImageId"]

    def made(self, resources, outputs=None):
        """Makes a stack of resources; returns their ids and the outputs."""
        self.id = self.create(template(resources, outputs), Tags=TAGS)
        stack = self.stack()
        self.assertEqual("CREATE_COMPLETE", stack["StackStatus"], [one for one in self.events() if one[2]])
        return self.resources(), {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}

    def updated(self, resources):
        self.cfn.update_stack(StackName="demo", TemplateBody=json.dumps(template(resources)))
        self.assertEqual("UPDATE_COMPLETE", self.stack()["StackStatus"], [one for one in self.events() if one[2]])

    def gone(self):
        self.cfn.delete_stack(StackName="demo")
        failed = [one for one in self.events(self.id) if one[1] == "DELETE_FAILED"]
        self.assertEqual("DELETE_COMPLETE", self.stack(self.id)["StackStatus"], failed)

    def test_network_load_balancers(self):
        elb = self.client("elbv2")
        balancer = {"Type": "network", "Scheme": "internal", "Subnets": self.subnets, "LoadBalancerAttributes": [
            {"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]}
        targets = {"VpcId": self.vpc, "Protocol": "TCP", "Port": 6443, "TargetType": "instance",
                   "HealthCheckProtocol": "HTTPS", "HealthCheckPath": "/ping",
                   "TargetGroupAttributes": [{"Key": "preserve_client_ip.enabled", "Value": "false"}]}
        resources = {
            "Api": resource("ElasticLoadBalancingV2::LoadBalancer", balancer),
            "Targets": resource("ElasticLoadBalancingV2::TargetGroup", targets),
            "Both": resource("ElasticLoadBalancingV2::TargetGroup", {**targets, "Protocol": "TCP_UDP"}),
        }
        for name, port, protocol, of in [("Tcp", 6443, "TCP", "Targets"), ("Udp", 53, "TCP_UDP", "Both")]:
            resources[name] = resource("ElasticLoadBalancingV2::Listener", {
                "LoadBalancerArn": ref("Api"), "Protocol": protocol, "Port": port,
                "DefaultActions": [{"Type": "forward", "TargetGroupArn": ref(of)}]})
        ids, outputs = self.made(resources, {"Name": att("Api", "DNSName")})
        found = elb.describe_load_balancers(LoadBalancerArns=[ids["Api"]])["LoadBalancers"][0]
        self.assertEqual(("network", "internal", outputs["Name"]), (found["Type"], found["Scheme"], found["DNSName"]))
        listeners = elb.describe_listeners(LoadBalancerArn=ids["Api"])["Listeners"]
        self.assertEqual({("TCP", 6443), ("TCP_UDP", 53)}, {(one["Protocol"], one["Port"]) for one in listeners})
        attributes = elb.describe_target_group_attributes(TargetGroupArn=ids["Targets"])["Attributes"]
        self.assertIn({"Key": "preserve_client_ip.enabled", "Value": "false"}, attributes)
        tags = elb.describe_tags(ResourceArns=[ids["Api"]])["TagDescriptions"][0]["Tags"]
        self.assertIn({"Key": "aws:cloudformation:stack-name", "Value": "demo"}, tags)
        self.assertIn(TAGS[0], tags)
        self.gone()
        self.assertEqual([], elb.describe_load_balancers()["LoadBalancers"])
        self.assertEqual([], elb.describe_target_groups()["TargetGroups"])

    def test_queues_rules_and_their_policy(self):
        document = {"Version": "2012-10-17", "Statement": [{**LISTENS, "Resource": att("Queue", "Arn")}]}
        ids, _ = self.made({
            "Dead": resource("SQS::Queue", {"SqsManagedSseEnabled": True}),
            "Queue": resource("SQS::Queue", {"RedrivePolicy": {
                "deadLetterTargetArn": att("Dead", "Arn"), "maxReceiveCount": 10}}),
            "Policy": resource("SQS::QueuePolicy", {"Queues": [ref("Queue")], "PolicyDocument": document}),
            "Rule": resource("Events::Rule", {
                "EventPattern": {"source": ["aws.ec2"]}, "Targets": [{"Id": "q", "Arn": att("Queue", "Arn")}]}),
        })
        sqs = self.client("sqs")
        has = sqs.get_queue_attributes(QueueUrl=ids["Queue"], AttributeNames=["All"])["Attributes"]
        self.assertEqual(has["QueueArn"], json.loads(has["Policy"])["Statement"][0]["Resource"])
        self.assertEqual(10, json.loads(has["RedrivePolicy"])["maxReceiveCount"])
        self.assertEqual("shop", sqs.list_queue_tags(QueueUrl=ids["Queue"])["Tags"]["k3s:cluster"])
        self.client("events").put_events(Entries=[{
            "Source": "aws.ec2", "DetailType": "EC2 Spot Instance Interruption Warning",
            "Detail": json.dumps({"instance-id": "i-1"})}])
        body = json.loads(sqs.receive_message(QueueUrl=ids["Queue"])["Messages"][0]["Body"])
        self.assertEqual("i-1", body["detail"]["instance-id"])
        self.gone()
        self.assertEqual([], sqs.list_queues().get("QueueUrls", []))
        self.assertEqual([], self.client("events").list_rules()["Rules"])

    def test_secrets(self):
        ids, outputs = self.made({
            "Empty": resource("SecretsManager::Secret", {"Name": "k3s/shop/kubeconfig", "Description": "none yet"}),
            "Random": resource("SecretsManager::Secret", {"GenerateSecretString": {
                "SecretStringTemplate": "{\"user\": \"a\"}", "GenerateStringKey": "word", "PasswordLength": 20}}),
        }, {"Arn": ref("Empty")})
        secrets = self.client("secretsmanager")
        found = secrets.describe_secret(SecretId="k3s/shop/kubeconfig")
        self.assertEqual(outputs["Arn"], found["ARN"])
        self.assertIn(TAGS[0], found["Tags"])
        word = json.loads(secrets.get_secret_value(SecretId=ids["Random"])["SecretString"])
        self.assertEqual(("a", 20), (word["user"], len(word["word"])))
        self.gone()
        self.assertEqual([], secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"])

    def test_a_database(self):
        instance = {"Engine": "aurora-postgresql", "DBInstanceClass": "db.serverless", "DBClusterIdentifier": ref("Db")}
        ids, outputs = self.made({
            "Subnets": resource("RDS::DBSubnetGroup", {"DBSubnetGroupDescription": "x", "SubnetIds": self.subnets}),
            "Db": resource("RDS::DBCluster", {
                "Engine": "aurora-postgresql", "DatabaseName": "k3s", "MasterUsername": "k3fleet",
                "ManageMasterUserPassword": True, "DBSubnetGroupName": ref("Subnets"), "StorageEncrypted": True,
                "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4}}),
            "Writer": resource("RDS::DBInstance", instance),
            "Reader": resource("RDS::DBInstance", instance, DependsOn="Writer"),
        }, {"Host": att("Db", "Endpoint.Address"), "Secret": att("Db", "MasterUserSecret.SecretArn")})
        rds = self.client("rds")
        cluster = rds.describe_db_clusters(DBClusterIdentifier=ids["Db"])["DBClusters"][0]
        self.assertEqual(cluster["Endpoint"], outputs["Host"])
        self.assertTrue(outputs["Secret"].startswith("arn:aws:secretsmanager:"))
        members = {one["DBInstanceIdentifier"] for one in cluster["DBClusterMembers"]}
        self.assertEqual({ids["Writer"], ids["Reader"]}, members)
        self.gone()
        self.assertEqual([], rds.describe_db_clusters()["DBClusters"])
        self.assertEqual([], rds.describe_db_instances()["DBInstances"])
        self.assertEqual([], rds.describe_db_subnet_groups()["DBSubnetGroups"])

    def group(self, **more):
        launch = {"ImageId": self.image, "InstanceType": "m7g.large", "SecurityGroupIds": [ref("Nodes")]}
        group = {
            "AutoScalingGroupName": "shop-servers", "MinSize": "3", "MaxSize": "4", "DesiredCapacity": "3",
            "VPCZoneIdentifier": self.subnets, "TargetGroupARNs": [],
            "MixedInstancesPolicy": {
                "InstancesDistribution": {"OnDemandBaseCapacity": 1, "OnDemandPercentageAboveBaseCapacity": 0},
                "LaunchTemplate": {
                    "LaunchTemplateSpecification": {
                        "LaunchTemplateId": ref("Launch"), "Version": att("Launch", "LatestVersionNumber")},
                    "Overrides": [{"InstanceType": "m7g.large"}, {"InstanceType": "m6g.large"}]}},
            "LifecycleHookSpecificationList": [{
                "LifecycleHookName": "drain", "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
                "HeartbeatTimeout": 300, "DefaultResult": "CONTINUE"}]}
        return {
            "Nodes": resource("EC2::SecurityGroup", {"GroupDescription": "nodes", "VpcId": self.vpc}),
            "Api": resource("EC2::SecurityGroupIngress", {
                "GroupId": ref("Nodes"), "IpProtocol": "tcp", "FromPort": 6443, "ToPort": 6443,
                "SourceSecurityGroupId": ref("Nodes")}),
            "Out": resource("EC2::SecurityGroupEgress", {
                "GroupId": ref("Nodes"), "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"}),
            "Launch": resource("EC2::LaunchTemplate", {"LaunchTemplateData": {**launch, **more}}),
            "Servers": resource("AutoScaling::AutoScalingGroup", group),
            "Hook": resource("AutoScaling::LifecycleHook", {
                "AutoScalingGroupName": ref("Servers"), "LifecycleHookName": "start",
                "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING", "HeartbeatTimeout": 60}),
            "Night": resource("AutoScaling::ScheduledAction", {
                "AutoScalingGroupName": ref("Servers"), "DesiredCapacity": 3, "Recurrence": "0 0 * * *"}),
        }

    def test_groups_with_hooks_rules_and_launch_templates(self):
        ids, _ = self.made(self.group())
        scaling, ec2 = self.client("autoscaling"), self.client("ec2")
        group = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]
        self.assertEqual(("shop-servers", 3), (group["AutoScalingGroupName"], len(group["Instances"])))
        self.assertIn("aws:cloudformation:stack-id", {one["Key"] for one in group["Tags"]})
        instances = [one["InstanceId"] for one in group["Instances"]]
        tags = ec2.describe_instances(InstanceIds=instances)["Reservations"][0]["Instances"][0]["Tags"]
        self.assertIn(TAGS[0], tags)
        self.assertIn({"Key": "aws:cloudformation:logical-id", "Value": "Servers"}, tags)
        hooks = scaling.describe_lifecycle_hooks(AutoScalingGroupName="shop-servers")["LifecycleHooks"]
        self.assertEqual({"drain", "start"}, {one["LifecycleHookName"] for one in hooks})
        self.assertEqual(1, len(scaling.describe_scheduled_actions()["ScheduledUpdateGroupActions"]))
        rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [ids["Nodes"]]}])
        told = {(one["IsEgress"], one.get("FromPort")) for one in rules["SecurityGroupRules"]}
        self.assertLessEqual({(False, 6443), (True, 443)}, told)

        wanted = self.group(UserData=base64.b64encode(b"#!/bin/sh").decode())
        wanted["Servers"]["Properties"] |= {"DesiredCapacity": "4"}
        self.updated(wanted)
        group = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]
        self.assertEqual(4, len(group["Instances"]))
        self.assertLessEqual(set(instances), {one["InstanceId"] for one in group["Instances"]})
        template = group["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
        self.assertEqual("2", template["Version"])

        self.gone()
        self.assertEqual([], scaling.describe_auto_scaling_groups()["AutoScalingGroups"])
        self.assertEqual([], ec2.describe_launch_templates()["LaunchTemplates"])
        running = ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
        self.assertEqual([], running["Reservations"])

    def test_a_spot_fleet(self):
        resources = {
            "Role": resource("IAM::Role", {"AssumeRolePolicyDocument": ASSUMED}),
            "Launch": resource("EC2::LaunchTemplate", {
                "LaunchTemplateData": {"ImageId": self.image, "InstanceType": "m7g.large"}}),
            "Pool": resource("EC2::SpotFleet", {"SpotFleetRequestConfigData": {
                "IamFleetRole": att("Role", "Arn"), "Type": "maintain", "TargetCapacity": 2,
                "AllocationStrategy": "priceCapacityOptimized",
                "LaunchTemplateConfigs": [{
                    "LaunchTemplateSpecification": {
                        "LaunchTemplateId": ref("Launch"), "Version": att("Launch", "LatestVersionNumber")},
                    "Overrides": [{"InstanceType": "m7g.large", "SubnetId": ",".join(self.subnets)}]}]}}),
        }
        ids, _ = self.made(resources)
        ec2 = self.client("ec2")

        def active():
            return len(ec2.describe_spot_fleet_instances(SpotFleetRequestId=ids["Pool"])["ActiveInstances"])

        self.assertEqual(2, active())
        resources["Pool"]["Properties"]["SpotFleetRequestConfigData"]["TargetCapacity"] = 3
        self.updated(resources)
        self.assertEqual((ids["Pool"], 3), (self.resources()["Pool"], active()))
        self.gone()
        self.assertEqual([], [
            one for one in ec2.describe_spot_fleet_requests()["SpotFleetRequestConfigs"]
            if one["SpotFleetRequestState"] == "active"])

    def test_a_key_pair(self):
        self.made({"Key": resource("EC2::KeyPair", {"KeyName": "shop", "PublicKeyMaterial": KEY})})
        found = self.client("ec2").describe_key_pairs()["KeyPairs"][0]
        self.assertEqual(("shop", "ed25519"), (found["KeyName"], found["KeyType"]))
        self.assertIn(TAGS[0], found["Tags"])
        self.gone()
        self.assertEqual([], self.client("ec2").describe_key_pairs()["KeyPairs"])

    def test_a_function_leaves_its_queue_to_the_test(self):
        ids, _ = self.made({
            "Queue": resource("SQS::Queue"),
            "Role": resource("IAM::Role", {"AssumeRolePolicyDocument": ASSUMED}),
            "Reaper": resource("Lambda::Function", {
                "Runtime": "python3.13", "Handler": "index.handler", "Role": att("Role", "Arn"),
                "Code": {"ZipFile": "def handler(event, context): pass\n"}}),
            "Mapping": resource("Lambda::EventSourceMapping", {
                "FunctionName": ref("Reaper"), "EventSourceArn": att("Queue", "Arn"), "BatchSize": 10}),
        })
        functions, sqs = self.client("lambda"), self.client("sqs")
        mapped = functions.list_event_source_mappings()["EventSourceMappings"]
        self.assertEqual(["Enabled"], [one["State"] for one in mapped])
        sqs.send_message(QueueUrl=ids["Queue"], MessageBody="event")
        self.assertEqual("event", sqs.receive_message(QueueUrl=ids["Queue"])["Messages"][0]["Body"])
        self.gone()
        self.assertEqual([], functions.list_functions()["Functions"])
        self.assertEqual([], functions.list_event_source_mappings()["EventSourceMappings"])

    def test_files_and_buckets(self):
        _, outputs = self.made({
            "Files": resource("EFS::FileSystem", {"Encrypted": True, "FileSystemPolicy": {
                "Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "*"}]}}),
            "Mount": resource("EFS::MountTarget", {
                "FileSystemId": ref("Files"), "SubnetId": self.subnets[0], "SecurityGroups": []}),
            "Snapshots": resource("S3::Bucket", {
                "VersioningConfiguration": {"Status": "Enabled"},
                "BucketEncryption": {"ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
                "LifecycleConfiguration": {"Rules": [
                    {"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 7}}]}}),
            "Policy": resource("S3::BucketPolicy", {"Bucket": ref("Snapshots"), "PolicyDocument": {
                "Version": "2012-10-17", "Statement": [{
                    "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": att("Snapshots", "Arn")}]}}),
        }, {"Bucket": ref("Snapshots"), "Files": ref("Files")})
        s3, efs = self.client("s3"), self.client("efs")
        bucket = outputs["Bucket"]
        self.assertEqual("Enabled", s3.get_bucket_versioning(Bucket=bucket)["Status"])
        self.assertIn("Deny", s3.get_bucket_policy(Bucket=bucket)["Policy"])
        self.assertEqual(7, s3.get_bucket_lifecycle_configuration(
            Bucket=bucket)["Rules"][0]["NoncurrentVersionExpiration"]["NoncurrentDays"])
        self.assertEqual(1, len(efs.describe_mount_targets(FileSystemId=outputs["Files"])["MountTargets"]))
        self.gone()
        self.assertEqual([], s3.list_buckets()["Buckets"])
        self.assertEqual([], efs.describe_file_systems()["FileSystems"])

    def test_a_vpc(self):
        subnet = {"Fn::Select": [1, {"Fn::Cidr": [att("Vpc", "CidrBlock"), 8, 13]}]}
        ids, outputs = self.made({
            "Vpc": resource("EC2::VPC", {"CidrBlock": "10.7.0.0/16", "EnableDnsSupport": True}),
            "Gateway": resource("EC2::InternetGateway"),
            "Attached": resource("EC2::VPCGatewayAttachment", {
                "VpcId": ref("Vpc"), "InternetGatewayId": ref("Gateway")}),
            "Routes": resource("EC2::RouteTable", {"VpcId": ref("Vpc")}),
            "Subnet": resource("EC2::Subnet", {
                "VpcId": ref("Vpc"), "CidrBlock": subnet, "AvailabilityZone": {"Fn::Select": [0, {"Fn::GetAZs": ""}]}}),
            "Shared": resource("EC2::SubnetRouteTableAssociation", {
                "SubnetId": ref("Subnet"), "RouteTableId": ref("Routes")}),
            "Out": resource("EC2::Route", {
                "RouteTableId": ref("Routes"), "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": ref("Gateway")},
                DependsOn="Attached"),
            "Address": resource("EC2::EIP", {"Domain": "vpc"}),
            "Nat": resource("EC2::NatGateway", {
                "AllocationId": att("Address", "AllocationId"), "SubnetId": ref("Subnet")}),
            "Endpoint": resource("EC2::VPCEndpoint", {
                "VpcId": ref("Vpc"), "VpcEndpointType": "Interface", "SubnetIds": [ref("Subnet")],
                "ServiceName": {"Fn::Sub": "com.amazonaws.${AWS::Region}.secretsmanager"}}),
        }, {"Entry": {"Fn::Select": [0, att("Endpoint", "DnsEntries")]}})
        ec2 = self.client("ec2")
        found = ec2.describe_subnets(SubnetIds=[ids["Subnet"]])["Subnets"][0]
        self.assertEqual(("10.7.32.0/19", "eu-west-1a"), (found["CidrBlock"], found["AvailabilityZone"]))
        self.assertRegex(outputs["Entry"], r"^[A-Z0-9]+:vpce-.*\.secretsmanager\.eu-west-1\.vpce\.amazonaws\.com$")
        tags = ec2.describe_vpcs(VpcIds=[ids["Vpc"]])["Vpcs"][0]["Tags"]
        self.assertIn({"Key": "aws:cloudformation:logical-id", "Value": "Vpc"}, tags)
        self.gone()
        self.assertNotIn(ids["Vpc"], [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]])
        self.assertEqual([], ec2.describe_addresses()["Addresses"])
        self.assertEqual([], ec2.describe_internet_gateways()["InternetGateways"])
        left = ec2.describe_nat_gateways()["NatGateways"] + ec2.describe_vpc_endpoints()["VpcEndpoints"]
        self.assertEqual({"deleted"}, {one["State"] for one in left} | {"deleted"})


if __name__ == "__main__":
    unittest.main()
