"""``outgate policy check|explain|diff`` on real files: exit codes, places, what is said."""

from __future__ import annotations

import pytest
from policy_files import GOOD, POLICY, Shell, write

from outgate import shipped
from outgate.dlp.examples import fake

# --- check --------------------------------------------------------------------------------------


def test_a_good_policy_is_told_in_a_line(shell: Shell) -> None:
    write(p=POLICY, p_test=GOOD)
    done = shell("policy", "check", "p.yaml", "p.test.yaml")
    assert done.code == 0
    first, second = done.text.splitlines()
    assert first.startswith("ok  p.yaml: 5 rules, ")
    assert second == "ok  p.test.yaml: 3 cases"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("action: mask", "acton: mask", "p.yaml:6:42: unknown key `acton`; did you mean action?"),
        ("action: mask", "action: maks", "p.yaml:6:50: 'maks' is not one of"),
        ("[CREDIT_CARD]", "[CREDIT_CRAD]", "p.yaml:6:28: no detector provides 'CREDIT_CRAD'; did you mean"),
        (
            "CN",
            "UK",
            "p.yaml:3:52: 'UK' is not an ISO 3166-1 country code such as US or DE: UK is written GB",
        ),
        ("CN", "China", "p.yaml:3:52: 'China' is not an ISO 3166-1 country code such as US or DE"),
        ("provider.jurisdiction: CN", "provider.id: deepsek", "did you mean deepseek?"),
        ("name: cards", "name: keys", "p.yaml:6:12: a second rule is called 'keys'; first at p.yaml:5"),
        ("name: cards", "name: on_error", "p.yaml:6:12: 'on_error' is a setting's name, not a rule's"),
        (
            "rules:",
            "mode: enforc\nrules:",
            "p.yaml:2:7: 'enforc' is not one of: enforce, audit; did you mean",
        ),
        ("rules:", "include: pack:gdrp\nrules:", "p.yaml:2:10: no pack is called 'gdrp'; did you mean gdpr?"),
        ("rules:", "include: r.yaml\nrules:", "p.yaml:2:10: there is no file r.yaml; did you mean"),
        ("rules:", "rules: []\nrules:", "p.yaml:3:1: `rules` is here twice; first on line 2"),
        ("min_score: 0.8", "min_score: 8", "p.yaml:5:"),
        ("when: {model:", "when: {modl:", "p.yaml:4:26: unknown key `modl`; did you mean model?"),
    ],
)
def test_a_mistake_is_told_by_line_and_column_with_what_was_meant_and_the_code_is_1(
    shell: Shell, old: str, new: str, told: str
) -> None:
    assert old in POLICY
    write(p=POLICY.replace(old, new, 1), q=POLICY)
    done = shell("policy", "check", "p.yaml", "q.yaml")
    assert done.code == 1
    assert told in done.err
    assert "ok  q.yaml" in done.text


def test_all_mistakes_of_a_file_are_told_at_once_in_its_order(shell: Shell) -> None:
    write(p=POLICY.replace("CN", "XX").replace("[CREDIT_CARD]", "[CARDS]").replace("min_score", "score"))
    lines = shell("policy", "check", "p.yaml").err.splitlines()
    assert [line.split(":")[1] for line in lines] == ["3", "5", "6"]


def test_a_rule_that_is_never_reached_is_a_warning(shell: Shell) -> None:
    write(p=POLICY + "  - {name: late, detect: [CREDIT_CARD], action: block}\n")
    done = shell("policy", "check", "p.yaml")
    assert done.code == 0
    assert "p.yaml:8:5: rule 'late' never decides: 'cards' above it comes first" in done.err


def test_a_rule_whose_model_is_not_installed_is_a_mistake_unless_that_is_not_asked(shell: Shell) -> None:
    names = (
        "version: 1\ndetectors: {ner_model: not_there}\nrules: [{name: a, detect: [PERSON], action: audit}]\n"
    )
    write(p=names)
    done = shell("policy", "check", "p.yaml")
    assert (done.code, "p.yaml:3:28: PERSON: it needs" in done.err) == (1, True)
    assert shell("policy", "check", "--no-model", "p.yaml").code == 0


# --- explain ------------------------------------------------------------------------------------


def test_explain_says_which_rule_decides_and_why_not_the_others_and_shows_no_value(shell: Shell) -> None:
    write(p=POLICY)
    text = f"card {fake('CREDIT_CARD')} of {fake('EMAIL_ADDRESS')}"
    done = shell("policy", "explain", "--policy", "p.yaml", stdin=text.encode())
    assert done.code == 0
    assert "verdict edit" in done.text
    assert "block   no china: provider.jurisdiction is US, not CN" in done.text
    assert "block   keys: detects other entities than CREDIT_CARD" in done.text
    assert "=> mask    cards" in done.text
    assert "=> audit   mail" in done.text
    assert fake("CREDIT_CARD") not in done.text
    assert fake("EMAIL_ADDRESS") not in done.text


def test_explain_tells_whose_placeholders_are_made_and_leaves_those_that_are_there_alone(
    shell: Shell,
) -> None:
    write(p="version: 1\nrules: [{name: mail, detect: [EMAIL_ADDRESS, PASSWORD], action: pseudonymise}]\n")
    text = "kim.roe@northwind-mail.com, password: PASSWORD_" + "ab2cd3ef4gh5"
    done = shell("policy", "explain", "--policy", "p.yaml", "--user", "kim", stdin=text.encode())
    assert "scope   user:kim" in done.text
    assert "=> pseudonymise mail" in done.text
    assert "finding 1: EMAIL_ADDRESS" in done.text
    assert "finding 2" not in done.text


def test_explain_takes_who_asks_whom_when_from_its_options(shell: Shell) -> None:
    write(
        p="version: 1\nrules:\n"
        "  - {name: research, when: {identity.groups: ai, client.network: 10.0.0.0/8}, action: allow}\n"
        "  - {name: at night, when: {time: {hours: '22:00-06:00'}}, action: block}\n"
    )
    options = ("--policy", "p.yaml", "--time", "2026-01-31T23:30+00:00")
    assert "verdict block by 'at night'" in shell("policy", "explain", *options, stdin=b"x").text
    more = ("--group", "ai", "--client", "10.2.3.4", "--provider", "mistral")
    done = shell("policy", "explain", *options, *more, stdin=b"x")
    assert "to      Mistral AI (mistral, FR)" in done.text
    assert "verdict forward" in done.text
    assert "=> allow   research: because identity.groups is ai and client.network is 10.2.3.4" in done.text


def test_explain_reads_a_body_and_tells_the_place_of_a_finding(shell: Shell) -> None:
    write(p=POLICY)
    body = (
        b'{"model": "qwen3", "messages": [{"role": "system", "content": "%s"}]}'
        % fake("GITHUB_TOKEN").encode()
    )
    done = shell("policy", "explain", "--policy", "p.yaml", stdin=body)
    assert "verdict block by 'keys'" in done.text
    assert "in messages[0].content (system), characters 0 to 40" in done.text
    assert "=> audit   noted: because model is qwen3" in done.text


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--provider", "opnai"), "did you mean openai?"),
        (("--client", "here"), "--client"),
        (("--time", "yesterday"), "--time"),
        (("--url", "nowhere"), "is not a URL"),
    ],
)
def test_explain_with_an_option_that_means_nothing_is_bad_usage(
    shell: Shell, options: tuple[str, ...], told: str
) -> None:
    done = shell("policy", "explain", *options, stdin=b"x")
    assert done.code == 2
    assert told in done.err


def test_explain_of_a_body_that_cannot_be_read_says_so(shell: Shell) -> None:
    done = shell("policy", "explain", stdin=b'{"messages": [], "messages": []}')
    assert (done.code, "refuse duplicate_key" in done.text) == (0, True)


# --- diff ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ("action: mask", "action: audit", 1, "- laxer     mask -> audit: CREDIT_CARD"),
        ("action: mask", "action: redact", 0, "+ stricter  mask -> redact: CREDIT_CARD"),
        ("jurisdiction: CN", "jurisdiction: RU", 1, "- laxer     block -> allow: requests as a whole"),
        ("min_score: 0.8", "min_score: 0.9", 1, "with score 0.80 to 0.90"),
        ("version: 1", "version: 1\non_error: allow", 1, "- laxer     on_error: block -> allow"),
        ("version: 1", "version: 1\nmode: audit", 1, "- laxer     mode: enforce -> audit"),
        ("version: 1", "version: 1\nuninspectable: block", 0, "+ stricter  uninspectable: audit -> block"),
        ('model: "qwen*"', 'model: "gwen*"', 0, "~ same      audit -> allow: requests as a whole"),
        ("name: cards", "name: numbers", 0, "no rule decides otherwise"),
    ],
)
def test_diff_ends_with_1_only_when_something_leaves_that_did_not(
    shell: Shell, old: str, new: str, code: int, told: str
) -> None:
    write(p=POLICY, q=POLICY.replace(old, new, 1))
    done = shell("policy", "diff", "p.yaml", "q.yaml")
    assert told in done.text
    assert done.code == code


def test_diff_runs_the_cases_of_both_and_tells_those_with_another_verdict(shell: Shell) -> None:
    write(p=POLICY, p_test=GOOD, q=POLICY.replace("action: mask", "action: audit"))
    done = shell("policy", "diff", "p.yaml", "q.yaml")
    assert "case 'cards are masked, mail is recorded, the model is noted': edit" in done.text
    assert "case 'a key is blocked'" not in done.text


def test_diff_of_a_policy_that_cannot_be_used_ends_with_2(shell: Shell) -> None:
    write(p=POLICY, q=POLICY.replace("action: mask", "acton: mask"))
    done = shell("policy", "diff", "p.yaml", "q.yaml")
    assert (done.code, "q.yaml:6:42: unknown key `acton`" in done.err) == (2, True)
    assert shell("policy", "diff", "p.yaml", "nowhere.yaml").code == 2


def test_the_shipped_default_differs_from_itself_in_nothing(shell: Shell) -> None:
    default = str(shipped.policies() / "default.yaml")
    done = shell("policy", "diff", default, default)
    assert (done.code, done.text) == (0, "no rule decides otherwise\n")
