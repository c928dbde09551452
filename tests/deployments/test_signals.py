"""A wake-up is never missed between reading the store and waiting."""

import gc

from dag_gateway.deployments.signals import Signals


async def test_a_ticket_taken_before_the_wake_is_set_by_it() -> None:
    signals = Signals()
    ticket = signals.ticket("a")
    assert signals.ticket("a") is ticket
    signals.wake("b")
    assert not ticket.is_set()
    signals.wake("a")
    assert ticket.is_set()
    assert not signals.ticket("a").is_set()


async def test_all_are_woken_at_once() -> None:
    signals = Signals()
    tickets = [signals.ticket(key) for key in ("a", "b")]
    signals.wake_all()
    assert all(ticket.is_set() for ticket in tickets)


async def test_keys_that_nobody_waits_for_are_forgotten() -> None:
    signals = Signals()
    ticket = signals.ticket("a")
    assert len(signals) == 1
    del ticket
    gc.collect()
    assert len(signals) == 0
