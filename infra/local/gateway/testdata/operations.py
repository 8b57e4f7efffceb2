# Prints the operations that the installed moto implements, for the services
# with a JSON protocol that the local stack uses: TARGET.OPERATION, one a line.
import importlib

from botocore.session import Session
from moto.core.responses import BaseResponse
from moto.core.utils import camelcase_to_underscores, method_names_from_class

SERVICES = {
    "dynamodb": ("dynamodb", "DynamoHandler"),
    "events": ("events", "EventsHandler"),
    "identitystore": ("identitystore", "IdentityStoreResponse"),
    "logs": ("logs", "LogsResponse"),
    "organizations": ("organizations", "OrganizationsResponse"),
    "secretsmanager": ("secretsmanager", "SecretsManagerResponse"),
    "ssm": ("ssm", "SimpleSystemManagerResponse"),
    "sso-admin": ("ssoadmin", "SSOAdminResponse"),
    "stepfunctions": ("stepfunctions", "StepFunctionResponse"),
}
inherited = set(method_names_from_class(BaseResponse))
lines = []
for service, (module, name) in SERVICES.items():
    model = Session().get_service_model(service)
    handler = getattr(importlib.import_module(f"moto.{module}.responses"), name)
    methods = set(method_names_from_class(handler)) - inherited
    for operation in model.operation_names:
        if camelcase_to_underscores(operation) in methods:
            lines.append(f"{model.metadata['targetPrefix']}.{operation}")
print("\n".join(sorted(lines)))
