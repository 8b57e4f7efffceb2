"""Creates a stack of a template with moto's CloudFormation, in this process.

usage: cloudformation.py TEMPLATE TYPE...

The resources of the types are left out, and what refers to them gets a text
that looks like what it would be. Prints JSON: the stack's status, the types of
which every resource is there, for the others how many are missing, and those of
the types given that can't be left in.
"""

import collections
import json
import logging
import os
import sys
import warnings

for name in list(os.environ):
    if name.startswith("AWS_"):
        del os.environ[name]
os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1")
warnings.simplefilter("ignore")  # of each type that moto passes over
logging.disable(logging.WARNING)

import boto3  # noqa: E402: the environment comes first
from moto import mock_aws  # noqa: E402

def without(node, gone):
    if isinstance(node, list):
        return [without(one, gone) for one in node]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        if node.get("Ref") in gone:
            return "arn:aws:lambda:us-east-1:123456789012:function:left-out:live"
        attribute = node.get("Fn::GetAtt")
        if attribute and attribute[0] in gone:
            return "https://left-out.example"
    if "Type" in node and "DependsOn" in node:
        on = node["DependsOn"]
        node["DependsOn"] = [one for one in ([on] if isinstance(on, str) else on) if one not in gone]
    return {key: without(value, gone) for key, value in node.items()}


def read(path, left_out):
    with open(path, encoding="utf-8") as file:
        template = json.load(file)
    gone = {name for name, r in template["Resources"].items() if r["Type"] in left_out}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::SSM::Parameter":
            resource["Properties"].pop("Tags", None)  # a mapping here, which moto takes for a list
    template["Resources"] = {name: r for name, r in template["Resources"].items() if name not in gone}
    return without(template, gone)


def create(template):
    """Creates the stack in an account that is bootstrapped and has the assets."""
    bucket = "cdk-hnb659fds-assets-123456789012-us-east-1"
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=bucket)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            s3.put_object(Bucket=bucket, Key=resource["Properties"]["Code"]["S3Key"], Body=b"code")
    boto3.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(StackName="e", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"])
    cloudformation.describe_stacks(StackName="e")  # its outputs, too
    return cloudformation


path, left_out = sys.argv[1], sys.argv[2:]
result = {"ends": []}
with mock_aws():
    template = read(path, left_out)
    cloudformation = create(template)
    there = collections.Counter(
        r["ResourceType"] for r in cloudformation.describe_stack_resources(StackName="e")["StackResources"] if r.get("PhysicalResourceId")
    )
    wanted = collections.Counter(r["Type"] for r in template["Resources"].values())
    result["status"] = cloudformation.describe_stacks(StackName="e")["Stacks"][0]["StackStatus"]
    result["whole"] = sorted(kind for kind in wanted if there[kind] == wanted[kind])
    result["missing"] = {kind: wanted[kind] - there[kind] for kind in sorted(wanted) if there[kind] < wanted[kind]}
for kind in left_out:
    with mock_aws():
        try:
            create(read(path, [one for one in left_out if one != kind]))
        except Exception:  # pylint: disable=broad-except: it ends in many ways
            result["ends"].append(kind)
print(json.dumps(result))
