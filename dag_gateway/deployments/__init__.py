"""The story of one deployment: which step follows which, and how it goes on after a crash.

Read ``pipeline.py`` first. Steps call the abilities; every move is recorded before the next begins.
"""
