"""``make eval``: how good detection is, beside stock Presidio and detect-secrets.

Templates (``templates/<set>/*.txt``) are filled in with made-up values, so that the place and the kind of
every sensitive value are known: a **document** with its **gold spans**. Every tool reads the same documents
and its findings are held against the gold (``match``), per entity; what it finds in documents that hold
nothing is told per 100 kB.

There are two sets. ``tune`` is there to be looked at while detectors are being made. ``score`` gives the
figures and floors, and nobody looks at its examples in order to make a detector fit them: they share no
template, and no seed. Values are drawn when the suite runs; nothing here is a live credential or a person.

    template    the language that templates are written in      people, places, identifiers, phones,
    corpus      templates and seeds -> documents                national, abroad, credentials, harmless: the values
    tools       Outgate, Presidio, detect-secrets               fields: the name of a field -> a value
    match       findings against gold, the rule of it           report, floors: what is printed, what fails
"""
