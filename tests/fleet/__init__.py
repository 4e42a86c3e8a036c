"""A fleet on one machine: three proxies behind HAProxy, with Valkey and PostgreSQL, each of them stopped under load.

Every program is the real one. What is counted is what came out: at the provider, at the clients, in the database.
"""
