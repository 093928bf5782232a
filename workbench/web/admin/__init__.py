"""The admin: every table to look into, and the few things in them that a person may change, always through an action.

It is starlette-admin, mounted in the application. A table is shown by one declaration (`listing`), the reads are bounded
(`workbench.store.browse`), and whatever writes is one of `workbench.actions`.
"""
