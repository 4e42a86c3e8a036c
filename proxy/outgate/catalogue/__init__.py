"""Who operates the hosted models: host -> provider, jurisdiction, format; model -> origin.

Owns the reading of ``policies/catalogue/providers.yaml`` and of an administrator's own file, which
adds to it, overrides it by id, or removes from it. Knows nothing of bodies and nothing of policy.
Inside: ``hosts``, ``paths`` and ``origins`` are the three look-ups, ``source`` and ``schema`` read
the files, ``accounts`` reads whose account a request uses, ``providers`` puts them together.
"""

from outgate.catalogue.accounts import told as told_accounts
from outgate.catalogue.paths import normalise_path
from outgate.catalogue.providers import Catalogue
from outgate.catalogue.source import CatalogueError

__all__ = ["Catalogue", "CatalogueError", "normalise_path", "told_accounts"]
