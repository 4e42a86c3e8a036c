"""Draws the panels of deploy/grafana/dashboard.json from a real Prometheus's answers about the made-up week.

``scrapes`` counts the week with the product's own metrics and writes what Prometheus would have scraped, ``prometheus``
has a Prometheus answer from it, ``panels`` reads the dashboard and asks its queries as Grafana would, ``page`` draws
the answers. It is not Grafana: what the panels say is Prometheus's, how they look is ours.
"""
