"""Feeds: a run's tables, delivered to a warehouse, each split exactly once.

`run_tables` reads what a run has finished, a `mapping` says which tables are made of it, a store of `stores` writes
them to one kind of warehouse, and `feeding` joins the three.
"""
