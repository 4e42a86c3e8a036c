"""Setting a person's machine up so that its AI traffic goes through the proxy, and undoing that without a trace.

Owns the steps of each system, the record of what was there before, and nothing of what the proxy decides. A step
is a few changes, and a change is one thing of the machine that has a value: a file, a certificate in a store, a
key of the desktop's settings. It can be read, set, and so put back; `change` has what that means, `plan` does it,
`linux`, `macos` and `windows` say which there are.
"""
