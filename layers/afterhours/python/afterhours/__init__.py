"""Afterhours: a serverless webhook responder for customer support on social platforms."""
