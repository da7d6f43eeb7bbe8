"""boto3 clients that talk to the engine of this machine and to nothing else, each made at its first use."""

import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from afterhours_local.engine import ACCESS_KEY, REGION, SECRET_KEY

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=15,  # a long poll of ours waits at most 1 s, a function's at most 5 s
    retries={"total_max_attempts": 2, "mode": "standard"},
    max_pool_connections=32,
)


ROLE_LASTS_S = 45 * 60  # its credentials last an hour


class Clients:
    """`dynamodb_url` is set where another engine serves the tables. `credentials` are those of an assumed role;
    without them the clients act as the account's root."""

    def __init__(
        self, url: str, *, dynamodb_url: str | None = None, credentials: Mapping[str, str] | None = None
    ) -> None:
        self._url = url
        self._dynamodb_url = dynamodb_url or url
        self._session = boto3.Session(
            aws_access_key_id=credentials["AccessKeyId"] if credentials else ACCESS_KEY,
            aws_secret_access_key=credentials["SecretAccessKey"] if credentials else SECRET_KEY,
            aws_session_token=credentials["SessionToken"] if credentials else None,
            region_name=REGION,
        )

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        return self._session.client("dynamodb", endpoint_url=self._dynamodb_url, config=_CONFIG)

    @cached_property
    def sqs(self) -> "SQSClient":
        return self._session.client("sqs", endpoint_url=self._url, config=_CONFIG)

    @cached_property
    def s3(self) -> "S3Client":
        return self._session.client("s3", endpoint_url=self._url, config=_CONFIG)

    @cached_property
    def ssm(self) -> "SSMClient":
        return self._session.client("ssm", endpoint_url=self._url, config=_CONFIG)

    @cached_property
    def sns(self) -> Any:
        return self._session.client("sns", endpoint_url=self._url, config=_CONFIG)

    @cached_property
    def cognito(self) -> "CognitoIdentityProviderClient":
        return self._session.client("cognito-idp", endpoint_url=self._url, config=_CONFIG)

    @cached_property
    def cloudformation(self) -> Any:
        return self._session.client("cloudformation", endpoint_url=self._url, config=_CONFIG)

    @cached_property
    def sts(self) -> Any:
        return self._session.client("sts", endpoint_url=self._url, config=_CONFIG)

    def assume(self, role_arn: str, session_name: str) -> Mapping[str, str]:
        """Credentials of a role, as a function gets them."""
        answer = self.sts.assume_role(RoleArn=role_arn, RoleSessionName=session_name, DurationSeconds=3600)
        credentials: Mapping[str, str] = answer["Credentials"]
        return credentials


class RoleClients:
    """SQS as a function's role sees it, with new credentials before the old ones run out."""

    def __init__(self, url: str, root: Clients, role_arn: str, session_name: str) -> None:
        self._url = url
        self._root = root
        self._role_arn = role_arn
        self._session_name = session_name
        self._made_at = 0.0
        self._clients: Clients | None = None

    def sqs(self) -> "SQSClient":
        if self._clients is None or time.monotonic() - self._made_at > ROLE_LASTS_S:
            self._made_at = time.monotonic()
            self._clients = Clients(self._url, credentials=self._root.assume(self._role_arn, self._session_name))
        return self._clients.sqs
