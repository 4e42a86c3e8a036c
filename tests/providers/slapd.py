"""A directory server: OpenLDAP's slapd, with a few people, for as long as a test needs it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BASE = "dc=corp,dc=example"
READER, READER_SECRET = f"cn=reader,{BASE}", "reads-all"
# One with no TLS may not bind: so that a client that forgets StartTLS is seen.
_CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
TLSCACertificateFile {root}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
security simple_bind={strength}
database mdb
maxsize 10485760
suffix "{base}"
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
"""
_PEOPLE = f"""
dn: {BASE}
objectClass: domain
dc: corp

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: {READER_SECRET}

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{BASE}
objectClass: organizationalUnit
ou: groups

dn: uid=ada,ou=people,{BASE}
objectClass: inetOrgPerson
uid: ada
cn: Ada L
sn: L
carLicense: laptop-7
userPassword: engine-1843

dn: uid=bo,ou=people,{BASE}
objectClass: inetOrgPerson
uid: bo
cn: Bo W
sn: W
userPassword: difference

dn: uid=twin,ou=people,{BASE}
objectClass: inetOrgPerson
uid: twin
cn: One
sn: T
userPassword: twins

dn: cn=two,ou=people,{BASE}
objectClass: inetOrgPerson
uid: twin
cn: two
sn: T
userPassword: twins

dn: cn=research,ou=groups,{BASE}
objectClass: groupOfNames
cn: research
member: uid=ada,ou=people,{BASE}

dn: cn=staff,ou=groups,{BASE}
objectClass: groupOfNames
cn: staff
member: uid=ada,ou=people,{BASE}
member: uid=bo,ou=people,{BASE}
"""


@dataclass
class Directory:
    """A running server."""

    plain: str  # ldap://
    tls: str  # ldaps://
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)


@contextmanager
def directory(
    program: str, folder: Path, root: Path, certificate: Path, key: Path, *, needs_tls: bool = True
) -> Iterator[Directory]:
    """A server whose certificate is for localhost."""
    (folder / "data").mkdir()
    configuration, people = folder / "slapd.conf", folder / "people.ldif"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            root=root,
            certificate=certificate,
            key=key,
            base=BASE,
            reader=READER,
            strength=128 if needs_tls else 0,
        )
    )
    people.write_text(_PEOPLE)
    add = Path(program).with_name("slapadd")
    tool = str(add if add.exists() else shutil.which("slapadd"))
    subprocess.run([tool, "-f", configuration, "-l", people], check=True, timeout=60, capture_output=True)
    ports = [_free_port(), _free_port()]
    plain, tls = f"ldap://localhost:{ports[0]}", f"ldaps://localhost:{ports[1]}"
    addresses = f"ldap://127.0.0.1:{ports[0]}/ ldaps://127.0.0.1:{ports[1]}/"
    command = [program, "-d", "0", "-f", str(configuration), "-h", addresses]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        running = Directory(plain, tls, process)
        try:
            _wait(ports[1], process)
            yield running
        finally:
            running.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            assert process.poll() is None and time.monotonic() < end, "slapd does not start"
            time.sleep(0.05)
