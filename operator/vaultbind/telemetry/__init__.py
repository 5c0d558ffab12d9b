"""What the operator tells about itself: logs, metrics, health.

The parts that do the work know none of this: they call small observer protocols, which classes here
implement. Nothing in here may ever show a secret value; `redaction` is the second line of that defence.
"""
