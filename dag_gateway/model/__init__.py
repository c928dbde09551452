"""The words of the gateway as frozen dataclasses and pure rules.

Belongs here: what a deployment, an event, an identity, a target, a chart and a health verdict *are*, and the rules
that hold between them. Does not belong here: ``await``, input and output, the clock, third-party imports.
"""
