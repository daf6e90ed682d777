"""Who is calling, and whom they may speak for."""

from __future__ import annotations

import pytest

from statewright.catalog.principals import ANYONE, NotBelieved, Principal, actor_of, principal_of
from statewright.machine.record import ANONYMOUS, Actor


def test_in_the_open_mode_everyone_is_anonymous_and_may_speak_for_others():
    principal = principal_of(None)

    assert principal is ANYONE
    assert actor_of(principal, None) == ANONYMOUS
    assert actor_of(principal, Actor("anna", ("clerk",))) == Actor("anna", ("clerk",))


def test_an_untrusted_caller_speaks_only_for_itself():
    shop = Principal("shop", ("system", "clerk"))

    assert actor_of(shop, None) == Actor("shop", ("system", "clerk"))
    assert actor_of(shop, Actor("shop", ("clerk",))) == Actor("shop", ("clerk",))
    with pytest.raises(NotBelieved, match="anna"):
        actor_of(shop, Actor("anna"))
    with pytest.raises(NotBelieved):
        actor_of(shop, Actor("shop", ("manager",)))
