"""Names: what is known of their words, how they are written, where they stand, and who reads them.

The rooms, in the order in which a text passes them: ``gate`` (what is read, in which case), ``models``
(who reads), ``fields``, ``firms`` and ``persons`` (what the surroundings tell), ``repair`` and ``kinds``
(what the models say, put right). ``words`` has the lists, ``shapes`` the look of names, ``language`` a vote.
"""
