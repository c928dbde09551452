"""The infrastructure-as-code repository: read a folder, replace a folder, push it. No worktree, ever.

The only place that knows dulwich. Blocking git work runs in threads of its own pool.
"""
