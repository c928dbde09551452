"""Who is asking: job tokens checked with the forge that issued them.

Belongs here: one file per kind of forge and the rules that bind a job to an app and an environment. A forge's API is
read by pure functions over its answers; the call itself is a thin edge. Tokens pass through and stay nowhere.
"""
