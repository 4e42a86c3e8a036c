"""What people say about what was stopped: that it is not sensitive, or why it may leave all the same.

Three kinds of things are kept in one SQLite file of the machine (``store``): **reports** that a finding is not
sensitive, which wait for an administrator; **exceptions**, which an administrator makes of them; and
**justifications** of what a coaching rule blocked. ``desk`` is where a person, or an administrator on the machine,
asks and says these things of an exchange, by its reference; ``reasons`` takes values out of what they write;
``in_force`` keeps exceptions and justifications in memory for the policy, and notices when they change.

No value is ever here: a finding is known by its fingerprint. Knows nothing of the proxy core, nor of pages.
"""
