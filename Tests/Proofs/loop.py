"""One thread that waits for sockets and for moments: the load runs on it."""

import heapq
import itertools
import select
import time


class Overdue(Exception):
    """What was waited for has not happened in its time."""


class Loop:
    """Calls handlers of descriptors that are ready, and of moments that have come."""

    def __init__(self):
        self._epoll = select.epoll()
        self._handlers = {}
        self._moments = []
        self._order = itertools.count()
        self.lateness = 0.0
        """By how many seconds a moment was missed at most: how far the load was from being on time."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._epoll.close()

    def watch(self, descriptor, events, handler):
        """Calls `handler(events)` when the descriptor is ready. Errors are always reported."""
        self._epoll.register(descriptor, events)
        self._handlers[descriptor] = handler

    def rewatch(self, descriptor, events):
        """Waits for other events of a descriptor that is watched."""
        self._epoll.modify(descriptor, events)

    def unwatch(self, descriptor):
        """Waits for nothing of the descriptor any more; nothing where it is not watched."""
        if self._handlers.pop(descriptor, None):
            self._epoll.unregister(descriptor)

    def at(self, moment, call):
        """Calls once, at a moment of `time.monotonic`."""
        heapq.heappush(self._moments, (moment, next(self._order), call))

    def every(self, seconds, times, call):
        """Calls `call(number)` so many times at even distances, the first time now.

        A late call does not put off the next one.
        """
        began = time.monotonic()

        def step(number):
            call(number)
            if number + 1 < times:
                self.at(began + (number + 1) * seconds, lambda: step(number + 1))

        self.at(began, lambda: step(0))

    def run_for(self, seconds):
        """Goes on for a time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._turn(end)

    def run_until(self, is_done, seconds, what):
        """Goes on until `is_done()`; raises `Overdue` where that takes longer than `seconds`."""
        end = time.monotonic() + seconds
        while not is_done():
            if time.monotonic() >= end:
                raise Overdue(f"{what} took more than {seconds:g} s")
            self._turn(end)

    def _turn(self, end):
        until = min(end, self._moments[0][0]) if self._moments else end
        # In whole milliseconds upwards, as epoll counts: never a turn that waits for nothing.
        ready = self._epoll.poll(max(0.0, until - time.monotonic()), maxevents=256)
        for descriptor, events in ready:
            # An earlier handler of this turn may have stopped watching.
            if handler := self._handlers.get(descriptor):
                handler(events)
        now = time.monotonic()
        while self._moments and self._moments[0][0] <= now:
            moment, _, call = heapq.heappop(self._moments)
            self.lateness = max(self.lateness, now - moment)
            call()
