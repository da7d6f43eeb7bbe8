"""The bucket of the mails: `mail/<SES's id>`, raw as SES wrote it, kept 14 days."""

from afterhours import settings
from afterhours.stores import aws

PREFIX = "mail/"
READ = 5 * 1024 * 1024  # of up to 40 MB; the text stands in front


def beginning(key: str) -> bytes:
    """The first part of a mail; botocore's error says that it is gone or out of reach."""
    body = aws.client("s3").get_object(Bucket=settings.load().mail_bucket, Key=key)["Body"]
    try:
        return bytes(body.read(READ))
    finally:
        body.close()
