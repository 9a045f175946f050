"""Failure detection: from one node's suspicion (PFAIL) to the majority's verdict (FAIL), and back.

BACKGROUND. A node suspects a peer that leaves a ping unanswered, and is silent, for longer than T.
Suspicions travel in gossip. When a majority of the voting primaries holds the same suspicion, the
node that notices broadcasts FAIL, which everybody takes at once; a replica may then stand.

INVARIANTS.
- Only reports of voting primaries count, each at most 2T old, and mine only if I vote.
- Silence is measured on the awake clock: a pause of our own makes nobody suspect.
- FAIL is undone only when the node answers us, and for a voting primary not before 2T have passed
  since the FAIL, nor while an election for which I voted may still be won (see lease).

BEHAVIOUR. A new suspicion of a voting primary is sent at once to the other voting primaries, not
with the next random ping, and deadlines are checked when they fall due, not with the next 100 ms.
"""

from __future__ import annotations

from garrison.node.core import bus_codec as bus
from garrison.node.core import flags as fl
from garrison.node.core.context import Context
from garrison.node.core.heartbeat import Heartbeats
from garrison.node.core.nodes import Node


class Failures:
    """PFAIL, FAIL, and their undoing."""

    def __init__(self, context: Context, heartbeats: Heartbeats) -> None:
        self._context = context
        self._heartbeats = heartbeats

    def suspicion_age_ms(self, node: Node) -> int:
        """min(age of the pending ping, age of the last data); 0 if no ping is pending."""
        if node.ping_sent_ms == 0:
            return 0
        return self._context.awake_ms - max(node.ping_awake_ms, node.data_awake_ms)

    def tick(self) -> None:
        """Suspect nodes that have been silent for too long, and judge the suspected ones again."""
        context = self._context
        is_news = False
        for node in list(context.table):
            if node is context.me or node.flags & (fl.HANDSHAKE | fl.NOADDR):
                continue
            if not node.is_suspect() and self.suspicion_age_ms(node) > context.timeout_ms:
                node.flags |= fl.PFAIL
                context.log("debug", f"*** NODE {node.node_id} possibly failing")
                context.route()
                is_news |= node.votes()
            if node.flags & fl.PFAIL:
                self.judge(node)
        if is_news and context.me.votes():
            for node in context.table.voters():
                if node is not context.me and not node.is_suspect():
                    self._heartbeats.ping(node)

    def next_deadline(self) -> int | None:
        """How many milliseconds from now the next silent node becomes suspect."""
        context = self._context
        ages = [
            self.suspicion_age_ms(node)
            for node in context.table
            if node.ping_sent_ms
            and node is not context.me
            and not node.flags & (fl.PFAIL | fl.FAIL | fl.HANDSHAKE | fl.NOADDR)
        ]
        return max(0, context.timeout_ms - max(ages) + 1) if ages else None

    def report(self, reporter: Node, node: Node, failing: bool) -> None:
        """A voting primary says in its gossip whether it suspects `node`."""
        context = self._context
        if failing:
            if reporter.node_id not in node.reports:
                context.log(
                    "verbose",
                    f"Node {reporter.node_id} reported node {node.node_id} as not reachable.",
                )
            node.reports[reporter.node_id] = context.now_ms
            self.judge(node)
        elif node.reports.pop(reporter.node_id, None) is not None:
            context.log(
                "verbose",
                f"Node {reporter.name_for_people()} reported node {node.name_for_people()} is back online.",
            )

    def valid_reports(self, node: Node) -> int:
        """How many voting primaries hold `node` for failing, by reports that are young enough."""
        context = self._context
        oldest = context.now_ms - 2 * context.timeout_ms
        for reporter, at_ms in list(node.reports.items()):
            if at_ms < oldest:
                del node.reports[reporter]
        return sum(
            1 for reporter in node.reports if (n := context.table.get(reporter)) is not None and n.votes()
        )

    def judge(self, node: Node) -> None:
        """Mark as FAIL and broadcast it, if I suspect the node and the reports make a majority."""
        context = self._context
        if node.flags & fl.FAIL or not node.flags & fl.PFAIL:
            return
        failures = self.valid_reports(node) + (1 if context.me.votes() else 0)
        if failures < context.table.majority():
            return
        context.log("notice", f"Marking node {node.name_for_people()} as failing (quorum reached).")
        self.mark_failed(node)
        frame = context.frame(bus.FAIL)
        frame.failing_id = node.node_id
        context.broadcast(frame)

    def mark_failed(self, node: Node) -> None:
        """Set FAIL, by our own verdict or because a peer has broadcast it."""
        context = self._context
        node.flags = node.flags & ~fl.PFAIL | fl.FAIL
        node.fail_ms = context.now_ms
        context.changed()

    def receive_fail(self, sender: Node, node_id: str) -> None:
        """A known peer broadcasts the majority's verdict."""
        context = self._context
        node = context.table.known(node_id)
        if node is None or node is context.me or node.is_failing():
            return
        context.log(
            "notice", f"FAIL message received from {sender.name_for_people()} about {node.name_for_people()}"
        )
        self.mark_failed(node)

    def reachable(self, node: Node) -> None:
        """The node has answered: take our suspicion back, and the verdict where the rules allow."""
        context = self._context
        if node.flags & fl.PFAIL:
            node.flags &= ~fl.PFAIL
            context.route()
        elif node.flags & fl.FAIL and self._may_clear(node):
            node.flags &= ~fl.FAIL
            what = (
                "master without slots"
                if node.is_primary() and not node.slots
                else "replica"
                if node.is_replica()
                else "master"
            )
            why = "is reachable again" + (
                " and nobody is serving its slots after some time" if node.votes() else ""
            )
            context.log("notice", f"Clear FAIL state for node {node.name_for_people()}: {what} {why}.")
            context.changed()

    def _may_clear(self, node: Node) -> bool:
        if not node.votes():
            return True
        context = self._context
        since = max(node.fail_ms, node.voted_ms)
        return context.now_ms - since > max(
            2 * context.timeout_ms, context.vote_window_ms() if node.voted_ms >= node.fail_ms else 0
        )
