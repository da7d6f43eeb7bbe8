"""Functions that do what the tests of the local stack ask for: the name in the path or the message says what."""

import json
import os
import time

import boto3
import neighbour

LOADED_AS = os.environ.get("POWERTOOLS_SERVICE_NAME", "")
CALLS = {"count": 0}


def echo(event, context):
    CALLS["count"] += 1
    match event.get("pathParameters", {}).get("name"):
        case "plain":
            return {"just": neighbour.WORD}
        case "raise":
            raise ValueError("not today")
        case "odd":
            return {"statusCode": 200, "body": {"not": "text"}}
        case "hang":
            print("hanging")
            time.sleep(30)
        case "die":
            os._exit(3)
        case "enqueue":
            entries = [{"Id": "0", "MessageBody": event["body"]}]
            boto3.client("sqs").send_message_batch(QueueUrl=os.environ["QUEUE"], Entries=entries)
            return {"statusCode": 202}
        case "steal":
            boto3.client("sqs").receive_message(QueueUrl=os.environ["QUEUE"])
        case "environment":
            from shelf import BOOK

            return {"variables": dict(os.environ), "book": BOOK, "calls": CALLS["count"]}
    print(json.dumps({"said": event["rawPath"]}))
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "cookies": ["a=1", "b=2"],
        "body": json.dumps({"event": event, "loaded_as": LOADED_AS, "ms": context.get_remaining_time_in_millis()}),
    }


def work(event, context):
    """Stores each body; one that begins with `fail` is reported, one that begins with `raise` raises."""
    failed = []
    for record in event["Records"]:
        if record["body"].startswith("raise"):
            raise ValueError(record["body"])
        if record["body"].startswith("fail"):
            failed.append({"itemIdentifier": record["messageId"]})
            continue
        boto3.client("dynamodb").put_item(
            TableName=os.environ["TABLE"],
            Item={"pk": {"S": record["body"]}, "record": {"S": json.dumps(record)}},
        )
    return {"batchItemFailures": failed}


def tick(event, context):
    return event
