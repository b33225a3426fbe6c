from __future__ import annotations

import os
import signal
import threading
import time
from types import SimpleNamespace

import pytest

from segkit.train.interruption import Interruption

ALONE = SimpleNamespace(world_size=1, device="cpu")


def several(others):
    """A process among others, so many of which have had a signal."""
    return SimpleNamespace(world_size=4, device="cpu", all_reduce=lambda mine, reduce_op: mine + others)


@pytest.fixture(autouse=True)
def _ctrl_c_interrupts():
    """As on a terminal; where tests run in the background of a shell, SIGINT is ignored from the start."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


def test_a_signal_waits_until_it_is_asked_for():
    with pytest.raises(KeyboardInterrupt), Interruption() as interruption:
        assert not interruption.agreed(ALONE, asking=False)
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.agreed(ALONE, asking=False)
        interruption.act()


def test_a_second_signal_acts_at_once():
    with pytest.raises(KeyboardInterrupt), Interruption():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interruption():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_processes_stop_together_and_only_where_all_ask():
    with Interruption() as interruption:
        assert not interruption.agreed(several(others=0), asking=True)
        assert interruption.agreed(several(others=1), asking=True)
        assert not interruption.agreed(several(others=1), asking=False)
        interruption.signal = signal.SIGINT
        assert interruption.agreed(several(others=0), asking=True)
        assert not interruption.agreed(several(others=0), asking=False)


def test_another_thread_may_train_too():
    entered = []

    def train():
        with Interruption() as interruption:
            entered.append(interruption.agreed(ALONE, asking=True))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert entered == [False]
