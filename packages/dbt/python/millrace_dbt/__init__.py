"""dbt in one resident process, with an event for every node. Started by ../dbt_server.py."""
