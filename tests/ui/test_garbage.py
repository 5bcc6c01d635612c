"""Garbage is searched for by the window's thread alone."""

import gc
import threading

from ctworkbench.ui.garbage import GarbageCollector


class Ended:
    """Tells in which thread it ended; it holds itself, so that only a search ends it."""

    def __init__(self, where: list[int]) -> None:
        self.me, self.where = self, where

    def __del__(self) -> None:
        self.where.append(threading.get_ident())


def test_that_what_other_threads_drop_ends_in_the_thread_of_the_window(collector: GarbageCollector) -> None:
    where: list[int] = []

    def drop_and_allocate() -> None:
        Ended(where)
        kept = [[number] for number in range(20 * gc.get_threshold()[0])]
        assert kept

    thread = threading.Thread(target=drop_and_allocate)
    thread.start()
    thread.join()
    assert where == []
    gc.collect()
    assert where == [threading.get_ident()]


def test_that_a_search_is_made_once_it_is_due(collector: GarbageCollector) -> None:
    where: list[int] = []
    gc.collect()
    collector.collect()
    Ended(where)
    collector.collect()
    assert where == []
    held = [[number] for number in range(2 * gc.get_threshold()[0])]
    collector.collect()
    assert held
    assert where == [threading.get_ident()]
