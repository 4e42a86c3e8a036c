"""Who is asking: what may say so, and how far it is believed.

A **source** turns what is known of a connection or a request (``Evidence``) into somebody (``Known``),
or refuses it. Credentials are checked in ``checking`` (remembered, slowed when they are guessed, in
threads), by ``passwords``, ``ldap`` and ``tokens``; the other sources look at what is there already:
``certificates``, headers and networks in ``sources``, ``local_user``. ``sources`` puts them in the
administrator's order and adds groups and devices from ``directory``.

Knows nothing of mitmproxy, of flows, nor of what anybody may do: that is the gateway's and the
policy's business. Credentials are compared, and never kept, logged or handed on.
"""
