"""Counts of outcomes people ask about, as CloudWatch metrics in the log (embedded metric format)."""

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE = "Afterhours"


def count(service: str, name: str, value: int = 1) -> None:
    """One line that CloudWatch turns into `Afterhours/<name>` with the dimension `service`."""
    with single_metric(
        name=name, unit=MetricUnit.Count, value=value, namespace=NAMESPACE, default_dimensions={"service": service}
    ):
        pass
