"""What somebody is called here who signed in at a provider."""

import re

import pytest
from modicum_server.domain.sign_in import NamedBy, Person
from modicum_server.ports import SignInRefused
from modicum_server.usecases.provider_sign_in import principal_of
from modicum_server.usecases.rules import PRINCIPAL

ISSUER = "https://login.example.org"


@pytest.mark.parametrize("subject", ["248289761001", "Ada Lovelace", "\u202eeci", "x" * 255, "auth0|1/2"])
def test_any_subject_has_a_name_that_members_can_have(subject):
    name = principal_of(Person(ISSUER, subject), NamedBy.SUBJECT)

    assert re.fullmatch(PRINCIPAL, name, re.ASCII)
    assert name.startswith("oidc-")
    assert len(name) == 37


def test_no_two_people_share_a_name():
    people = [
        Person(ISSUER, "ada"),
        Person(ISSUER, "Ada"),
        Person(f"{ISSUER}/", "ada"),
        Person(f"{ISSUER}\nada", ""),
        Person(ISSUER, "ada", "ada@example.org"),
    ]

    names = [principal_of(person, NamedBy.SUBJECT) for person in people]

    assert len(set(names[:4])) == 4
    assert names[0] == names[4]


@pytest.mark.parametrize(
    ("email", "name"),
    [("ada@example.org", "ada@example.org"), ("Ada.L+m@Example.ORG", "ada.l+m@example.org")],
)
def test_a_verified_address_is_a_name_in_small_letters(email, name):
    assert principal_of(Person(ISSUER, "1", email), NamedBy.EMAIL) == name


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("", "no verified e-mail address for you"),
        ("ada", "cannot be used as a name here; expected 1 to 127 characters .*, with an @"),
        ("\u212adena@example.org", "characters"),  # the sign of kelvin, which becomes a k in small letters
        ("ada@ex\u00e4mple.org", "characters"),
        ("o'hara@example.org", "characters"),
        ("-ada@example.org", "characters"),
        ("job:main@example.org", "characters"),
        ("x" * 120 + "@example.org", "characters"),
        ("ada@example.org\n", "characters"),
    ],
)
def test_an_address_that_is_no_name_is_refused_in_words(email, words):
    with pytest.raises(SignInRefused, match=words):
        principal_of(Person(ISSUER, "1", email), NamedBy.EMAIL)
