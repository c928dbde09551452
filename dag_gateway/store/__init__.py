"""Where deployments are kept: SQLAlchemy Core over SQLite, migrations, one module per table family.

The only place that knows SQL. Plain records of ``model`` go in and come out.
"""
