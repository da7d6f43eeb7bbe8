"""What each function may do with AWS, written by hand, and all that it is tried with.

A resource is called as here: `table threads/index/work`, `queue human-*`, `parameter app/webchat/*`.
"""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from afterhours_local.clients import Clients
from botocore.exceptions import ClientError
from world import WHATSAPP

MAY = {
    "WebhookFunction": {
        "parameter app/*": "GetParameter",
        "queue inbound": "SendMessage",
        "bucket overflow": "PutObject",
    },
    "AnswerFunction": {
        "parameter app/viber/*": "GetParameter",
        "parameter app/wechat/*": "GetParameter",
        "parameter pepper": "GetParameter",
        "queue inbound": "SendMessage",
        "queue human-*": "SendMessage",
        "bucket overflow": "PutObject",
        "table threads": "GetItem PutItem UpdateItem ConditionCheckItem",
        "table config": "GetItem",
    },
    "WebchatFunction": {
        "parameter app/webchat/*": "GetParameter",
        "parameter pepper": "GetParameter",
        "queue inbound": "SendMessage",
        "table threads": "Query",
    },
    "WorkerFunction": {
        "parameter token/*": "GetParameter",
        "parameter pepper": "GetParameter",
        "queue inbound": "ReceiveMessage DeleteMessage ChangeMessageVisibility GetQueueAttributes",
        "queue human-*": "SendMessage",
        "bucket overflow": "GetObject",
        "table threads": "GetItem PutItem UpdateItem ConditionCheckItem Query",
        "table config": "GetItem",
    },
    "AgentApiFunction": {
        "parameter pepper": "GetParameter",
        "queue inbound": "SendMessage",
        "queue human-*": "SendMessage ReceiveMessage DeleteMessage ChangeMessageVisibility",
        "table threads": "GetItem BatchGetItem PutItem UpdateItem ConditionCheckItem Query",
        "table threads/index/work": "Query",
        "table threads/index/agenda": "Query",
        "table config": "GetItem Query",
    },
    "AttachmentFunction": {
        "parameter token/*": "GetParameter",
        "bucket mails": "GetObject",
        "table threads": "GetItem",
        "table config": "GetItem",
    },
    "EraserFunction": {
        "table threads": "GetItem PutItem DeleteItem Query",
        "table config": "GetItem PutItem UpdateItem Query",
        "bucket mails": "DeleteObject",
    },
    "InboxFunction": {},
    "MailFunction": {
        "queue mail": "ReceiveMessage DeleteMessage GetQueueAttributes",
        "queue inbound": "SendMessage",
        "bucket mails": "GetObject",
    },
    "SweeperFunction": {
        "queue inbound": "SendMessage",
        "queue human-*": "SendMessage GetQueueAttributes",
        "table threads": "GetItem PutItem UpdateItem",
        "table threads/index/work": "Query",
        # UpdateItem on the leases of tokens alone, by dynamodb:LeadingKeys, which the engine knows nothing of.
        "table config": "GetItem Query UpdateItem",
        "parameter token/*": "GetParameter PutParameter",
        "topic notices": "Publish",
        "parameter notify/*": "GetParameter",
    },
}
# What Lambda itself does in the name of those that it polls for; no function of ours asks for it.
POLLED = {
    (function, action)
    for function in ("WorkerFunction", "MailFunction")
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
}

KEY = {"pk": {"S": "T#nobody"}, "sk": {"S": "#"}}

Try = Callable[[Clients, str], object]
ITEMS: dict[str, Try] = {
    "GetItem": lambda aws, table: aws.dynamodb.get_item(TableName=table, Key=KEY),
    "BatchGetItem": lambda aws, table: aws.dynamodb.batch_get_item(RequestItems={table: {"Keys": [KEY]}}),
    "PutItem": lambda aws, table: aws.dynamodb.put_item(TableName=table, Item=KEY),
    "UpdateItem": lambda aws, table: aws.dynamodb.update_item(TableName=table, Key=KEY),
    "DeleteItem": lambda aws, table: aws.dynamodb.delete_item(TableName=table, Key=KEY),
    "BatchWriteItem": lambda aws, table: aws.dynamodb.batch_write_item(
        RequestItems={table: [{"PutRequest": {"Item": KEY}}]}
    ),
    "ConditionCheckItem": lambda aws, table: aws.dynamodb.transact_write_items(
        TransactItems=[
            {"ConditionCheck": {"TableName": table, "Key": KEY, "ConditionExpression": "attribute_exists(pk)"}}
        ]
    ),
}
READING: dict[str, Try] = {
    "Query": lambda aws, table: _query(aws, *table.split("/index/")),
    "Scan": lambda aws, table: _scan(aws, *table.split("/index/")),
}
QUEUES: dict[str, Try] = {
    "SendMessage": lambda aws, url: aws.sqs.send_message(QueueUrl=url, MessageBody="{}"),
    "ReceiveMessage": lambda aws, url: aws.sqs.receive_message(QueueUrl=url),
    "DeleteMessage": lambda aws, url: aws.sqs.delete_message(QueueUrl=url, ReceiptHandle="none"),
    "ChangeMessageVisibility": lambda aws, url: aws.sqs.change_message_visibility(
        QueueUrl=url, ReceiptHandle="none", VisibilityTimeout=0
    ),
    "GetQueueAttributes": lambda aws, url: aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"]),
    "PurgeQueue": lambda aws, url: aws.sqs.purge_queue(QueueUrl=url),
}
OBJECTS: dict[str, Try] = {
    "GetObject": lambda aws, bucket: aws.s3.get_object(Bucket=bucket, Key="none"),
    "PutObject": lambda aws, bucket: aws.s3.put_object(Bucket=bucket, Key="other", Body=b"{}"),
    "DeleteObject": lambda aws, bucket: aws.s3.delete_object(Bucket=bucket, Key="other"),
    "ListBucket": lambda aws, bucket: aws.s3.list_objects_v2(Bucket=bucket),
}
MAILS: dict[str, Try] = {
    "GetObject": lambda aws, bucket: aws.s3.get_object(Bucket=bucket, Key="mail/none"),
    "PutObject": lambda aws, bucket: aws.s3.put_object(Bucket=bucket, Key="mail/other", Body=b""),
    "DeleteObject": lambda aws, bucket: aws.s3.delete_object(Bucket=bucket, Key="mail/other"),
    "ListBucket": lambda aws, bucket: aws.s3.list_objects_v2(Bucket=bucket),
}
PARAMETERS: dict[str, Try] = {
    "GetParameter": lambda aws, name: aws.ssm.get_parameter(Name=name, WithDecryption=True),
    "GetParametersByPath": lambda aws, name: aws.ssm.get_parameters_by_path(Path=name, WithDecryption=True),
    "PutParameter": lambda aws, name: aws.ssm.put_parameter(Name=name, Value="x", Overwrite=True),
    "DeleteParameter": lambda aws, name: aws.ssm.delete_parameter(Name=name),
}
TOPICS: dict[str, Try] = {
    "Publish": lambda aws, arn: aws.sns.publish(TopicArn=arn, Message="x"),
    "Subscribe": lambda aws, arn: aws.sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="ana@example.org"),
}
NEIGHBOURHOOD: dict[str, dict[str, Try]] = {
    "table threads": ITEMS | READING,
    "table threads/index/work": READING,
    "table threads/index/agenda": READING,
    "table config": ITEMS | READING,
    "queue inbound": QUEUES,
    "queue inbound-dead": QUEUES,
    "queue human-support": QUEUES,
    "queue human-sales": QUEUES,
    "queue of-another-stack": QUEUES,
    "bucket overflow": OBJECTS,
    "bucket mails": MAILS,
    "queue mail": QUEUES,
    "queue mail-dead": QUEUES,
    "parameter app/meta/main": PARAMETERS,
    "parameter app/webchat/jadran-web": PARAMETERS,
    "parameter app/viber/jadran-viber": PARAMETERS,
    f"parameter token/whatsapp/{WHATSAPP}": PARAMETERS,
    "parameter pepper": PARAMETERS,
    "parameter notify/support": PARAMETERS,
    "parameter of-another-stack": PARAMETERS,
    "topic notices": TOPICS,
    "topic alarms": TOPICS,
    "topic mails": TOPICS,
}


# Within what it may: whatever is new below `app/` is the webhook's, but for these.
MAY_NOT = {"WebhookFunction": ("parameter app/viber/*", "parameter app/wechat/*", "parameter app/webchat/*")}


def _query(aws: Clients, table: str, *index: str) -> object:
    key = f"{index[0]}_pk" if index else "pk"
    values = {":pk": {"S": "x"}}
    asked: dict[str, Any] = {"KeyConditionExpression": f"{key} = :pk", "ExpressionAttributeValues": values}
    return aws.dynamodb.query(TableName=table, **asked, **_on(*index))


def _scan(aws: Clients, table: str, *index: str) -> object:
    return aws.dynamodb.scan(TableName=table, **_on(*index))


def _on(*index: str) -> dict[str, Any]:
    return {"IndexName": index[0]} if index else {}


def may(function: str, action: str, resource: str) -> bool:
    if any(fnmatchcase(resource, pattern) for pattern in MAY_NOT.get(function, ())):
        return False
    return any(
        fnmatchcase(resource, pattern) and action in actions.split() for pattern, actions in MAY[function].items()
    )


def unused(made: set[tuple[str, str, str]]) -> set[tuple[str, str]]:
    """What the table allows and nobody asked for: function and action."""
    return {
        (function, action)
        for function, allowed in MAY.items()
        for pattern, actions in allowed.items()
        for action in actions.split()
        if not any(call[:2] == (function, action) and fnmatchcase(call[2], pattern) for call in made)
    }


def is_allowed(call: Try, aws: Clients, resource: str) -> bool:
    """Whatever else is wrong with the call, IAM looks first."""
    try:
        call(aws, resource)
    except ClientError as error:
        return error.response["Error"]["Code"] not in {"AccessDenied", "AccessDeniedException", "AuthorizationError"}
    return True
