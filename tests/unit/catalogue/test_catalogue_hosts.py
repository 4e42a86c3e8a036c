"""Which host is whose, for hosts as clients write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.catalogue.hosts import HostPattern, HostTable, canonical

REGIONS = ("eu", "us-east-1")


def table(*spellings: str) -> HostTable[str]:
    made: HostTable[str] = HostTable()
    for spelling in spellings:
        assert made.add(HostPattern.parse(spelling, regions=REGIONS), spelling) is None
    return made


def owner(made: HostTable[str], host: str) -> str | None:
    found = made.find(host)
    return found.owner if found else None


def test_an_exact_host_is_itself_and_nothing_around_it() -> None:
    made = table("api.example.com")
    assert owner(made, "api.example.com") == "api.example.com"
    for other in (
        "example.com",
        "v1.api.example.com",
        "evilapi.example.com",
        "xapi.example.com",
        "api.example.com.evil.com",
        "api.example.co",
        "api-example.com",
        "com",
    ):
        assert owner(made, other) is None, other


def test_a_host_below_is_any_host_below_but_not_the_name_itself() -> None:
    made = table(".example.com")
    assert owner(made, "a.example.com") == ".example.com"
    assert owner(made, "a.b.c.example.com") == ".example.com"
    for other in ("example.com", "evilexample.com", "a.example.com.evil.com", "a.example.org"):
        assert owner(made, other) is None, other


def test_a_region_is_any_label_of_that_form_and_is_told() -> None:
    made = table("bedrock.{region}.example.com", "{region}-platform.example.com")
    known = made.find("bedrock.us-east-1.example.com")
    assert known is not None and known.region == "us-east-1"
    new = made.find("bedrock.moon-base-7.example.com")
    assert new is not None and new.region == "moon-base-7"
    glued = made.find("eu-west4-platform.example.com")
    assert glued is not None and glued.region == "eu-west4"
    for other in (
        "bedrock.example.com",
        "bedrock.a.b.example.com",
        "bedrock.a_b.example.com",
        "-platform.example.com",
        "platform.example.com",
        "evilbedrock.eu.example.com",
        "bedrock.eu.example.com.evil.com",
    ):
        assert owner(made, other) is None, other


def test_a_region_may_stand_in_a_host_that_has_others_below_it() -> None:
    made = table(".{region}.models.example.com")
    found = made.find("my-endpoint.eu.models.example.com")
    assert found is not None and found.region == "eu"
    assert owner(made, "eu.models.example.com") is None


def test_the_more_specific_spelling_wins() -> None:
    made = table(".example.com", "a.{region}.example.com", "a.eu.example.com")
    assert owner(made, "a.eu.example.com") == "a.eu.example.com"
    assert owner(made, "a.us.example.com") == "a.{region}.example.com"
    assert owner(made, "b.us.example.com") == ".example.com"
    assert owner(made, "x.a.eu.example.com") == ".example.com"


def test_a_stated_region_is_told_for_hosts_whose_name_says_none() -> None:
    made: HostTable[str] = HostTable()
    made.add(HostPattern.parse("api.example.com", region="cn-beijing"), "x")
    found = made.find("api.example.com")
    assert found is not None and found.region == "cn-beijing"


@pytest.mark.parametrize(
    "host",
    [
        "API.Example.COM",
        "api.example.com.",
        "api.example.com:443",
        "api.example.com.:8443",
        "Api.Example.com:",
        "api。example。com",
        "api．example｡com",
        "ａｐｉ.example.com",
        "api.ex\u00adample.com",
        "api.ex\u200bample.com",
        "api.example.com。",
    ],
)
def test_the_same_host_in_another_spelling_is_the_same_host(host: str) -> None:
    assert owner(table("api.example.com"), host) == "api.example.com"


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        ":443",
        "..",
        "api..example.com",
        ".api.example.com",
        "api.example.com:443:443",
        "api.example.com:http",
        "user@api.example.com",
        "api.example.com\x00.evil.com",
        "api.example.com/",
        " api.example.com",
        "[::1]:443",
        "::1",
        "127.0.0.1",
        "аpi.example.com",  # a Cyrillic letter: another name, on another server
        "xn--pi-7kc.example.com",
        "a" * 300 + ".example.com",
        "api.example.com" * 100_000,
    ],
)
def test_what_is_not_the_host_is_not_taken_for_it(host: str) -> None:
    assert owner(table("api.example.com"), host) is None


def test_a_host_of_many_labels_costs_no_more_than_the_longest_spelling() -> None:
    made = table(".example.com", "a.b.c.example.com")
    assert owner(made, ".".join("a" * 120) + ".example.com") == ".example.com"
    assert canonical(".".join("a" * 200)) is None


@pytest.mark.parametrize(
    ("spelling", "said"),
    [
        ("https://api.example.com", "without scheme"),
        ("api.example.com/v1", "without scheme, port and path"),
        ("api.example.com:443", "port"),
        ("*.example.com", "'.example.com'"),
        ("api.*.example.com", "not a host name"),
        ("api example.com", "not a host name"),
        ("api..example.com", "not a host name"),
        ("", "not a host name"),
        (".", "not a host name"),
        (".com", "too wide"),
        ("{region}.com", "too wide"),
        ("api.{region}", "too wide"),
        ("api.{region}.com", "too wide"),
        ("{region}.{region}.example.com", "once"),
        ("{region}{region}.example.com", "not a host name"),
        ("{place}.example.com", "not a host name"),
        ("192.0.2.7", "only names"),
    ],
)
def test_a_host_that_cannot_be_meant_is_refused(spelling: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        HostPattern.parse(spelling, regions=REGIONS)


def test_a_region_without_a_list_of_known_ones_is_refused() -> None:
    with pytest.raises(ValueError, match="must list the known ones"):
        HostPattern.parse("api.{region}.example.com")
    with pytest.raises(ValueError, match=r"has no \{region\}"):
        HostPattern.parse("api.{region}.example.com", regions=("eu",), region="eu")


def test_one_spelling_has_one_owner() -> None:
    made = table("api.example.com", "a.{region}.example.com", ".example.com")
    for spelling in ("API.example.com", "a.{region}.example.com", ".example.com"):
        assert made.add(HostPattern.parse(spelling, regions=REGIONS), "another") == spelling.lower()
    assert owner(made, "api.example.com") == "api.example.com"


labels = st.sampled_from(["a", "b", "api", "eu", "x-1", "eu-x", "example", "com", "net"])
names = st.lists(labels, min_size=1, max_size=5).map(".".join)
tails = st.sampled_from(["example.com", "a.net", "api.com"])
spellings = st.builds(
    lambda kind, head, tail: {
        "exact": f"{head}.{tail}",
        "below": f".{head}.{tail}",
        "tail": f".{tail}",
        "region": f"{head}.{{region}}.{tail}",
        "glued": f"{{region}}-x.{tail}",
        "both": f".{head}.{{region}}.{tail}",
    }[kind],
    st.sampled_from(["exact", "below", "tail", "region", "glued", "both"]),
    names,
    tails,
)


def naive(spelling: str, host: str) -> bool:
    """What a spelling means, said another way."""
    pattern = re.escape(spelling.removeprefix(".")).replace(r"\{region\}", "[a-z0-9-]+")
    return re.fullmatch(f"(.+\\.)?{pattern}" if spelling.startswith(".") else pattern, host) is not None and (
        not spelling.startswith(".") or re.fullmatch(pattern, host) is None
    )


@settings(max_examples=400, deadline=None)
@given(st.lists(spellings, min_size=1, max_size=8, unique=True), names, tails, st.data())
def test_a_host_is_found_when_any_spelling_means_it_and_never_otherwise(
    given_spellings: list[str], head: str, tail: str, data: st.DataObject
) -> None:
    made = table(*given_spellings)
    near = data.draw(st.sampled_from(given_spellings)).removeprefix(".").replace("{region}", "eu")
    for host in (head, f"{head}.{tail}", near, f"{head}.{near}", f"{near}.{tail}", f"evil{near}"):
        meant = [spelling for spelling in given_spellings if naive(spelling, host)]
        found = owner(made, host)
        assert (found in meant) if meant else (found is None)
        exact = [spelling for spelling in meant if spelling == host]
        assert not exact or found == exact[0]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_no_host_whatever_it_holds_raises(host: str) -> None:
    made = table("api.example.com", ".example.com", "a.{region}.example.com")
    made.find(host)
    found = made.find(f"{host}.example.com")
    assert found is None or found.owner in ("api.example.com", ".example.com", "a.{region}.example.com")
