"""The bucket of the mails: `mail/<SES's id>`, raw as SES wrote it, kept 14 days."""

from botocore.exceptions import ClientError

from afterhours import settings
from afterhours.stores import aws

PREFIX = "mail/"
LARGEST = 40 * 1024 * 1024  # that SES takes in


class Gone(Exception):
    """The mail is there no more: its days are over, or its thread was erased."""


def delete(key: str) -> None:
    """For good; also what is gone already."""
    aws.client("s3").delete_object(Bucket=settings.load().mail_bucket, Key=key)


def whole(key: str) -> bytes:
    """A mail. Raises Gone; botocore's error says that the bucket is out of reach."""
    try:
        body = aws.client("s3").get_object(Bucket=settings.load().mail_bucket, Key=key)["Body"]
    except ClientError as error:
        # Who may not list a bucket is told that access is denied where there is nothing.
        if error.response["Error"]["Code"] not in ("NoSuchKey", "AccessDenied"):
            raise
        raise Gone(key) from error
    try:
        return bytes(body.read(LARGEST))
    finally:
        body.close()
