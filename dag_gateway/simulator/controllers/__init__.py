"""The controllers of the simulated cluster: what they read and write goes through the registry, as over the API.

Each controller says which keys a change concerns and reconciles one key at a time; ``loop.py`` drives them.
"""
