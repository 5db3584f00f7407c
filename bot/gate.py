"""May this call be signed, now, at the last moment? Asked inside the venue client, after every queue and before the signature."""

from bot.core.decision import Approved, Transfer
from bot.core.memory import State
from bot.ports import Clock, KillSwitch, NotSent


class SignGate:
    """Holds the newest state and asks the kill file itself, so that an order that waited in a queue is stopped too."""

    def __init__(self, clock: Clock, kill_switch: KillSwitch) -> None:
        self.clock = clock
        self.kill_switch = kill_switch
        self.state: State | None = None
        self.lease_held = False
        self.lease_ttl_ms: int | None = None  # None: nothing but the end of this process takes the lease away
        self.lease_proven_mono_ms = clock.mono_ms()
        self.lease_asked_in_vain = False  # since it was proven last: the database does not answer

    def lease_proven(self, asked_mono_ms: int) -> None:
        """The record said that we lead; asked at that moment."""
        self.lease_proven_mono_ms = max(asked_mono_ms, self.lease_proven_mono_ms)
        self.lease_asked_in_vain = False

    def lease_run_out(self) -> bool:
        """Was the lease not proven for so long that another process may lead by now?"""
        return self.lease_ttl_ms is not None and self.clock.mono_ms() - self.lease_proven_mono_ms >= self.lease_ttl_ms

    def check(self, order: Approved | Transfer | None) -> None:
        """Raise NotSent with the reason; `order` is None for cancels and settings. A transfer is held to what an order is."""
        state = self.state
        if state is None or not state.live:
            raise NotSent("mode: dry-run signs nothing")
        run_out = self.lease_run_out()
        if run_out and not self.lease_asked_in_vain:
            raise NotSent("this process slept past its lease: another may lead the account by now")
        if order is None:
            return  # cancels go out also while the database is down
        for holds, why in (
            (not self.lease_held, "the lease on this account is not ours"),
            (run_out, "the lease on this account could not be proven in time"),
            (not state.armed, "dry-run is on"),
            (state.killed is not None, f"killed: {state.killed}"),
            (state.paused, "paused"),
            (state.stopping, "stopping"),
            (self.clock.mono_ms() > order.deadline_mono_ms, "the intent waited past its deadline"),
        ):
            if holds:
                raise NotSent(why)
        killed = self.kill_switch.read()
        if killed is not False:
            raise NotSent("the kill file is there" if killed else "the kill file cannot be read")


class Sealed(SignGate):
    """For looking only: nothing may be signed, not even a cancel."""

    def check(self, order: Approved | Transfer | None) -> None:
        raise NotSent("this process only looks: it signs nothing")
