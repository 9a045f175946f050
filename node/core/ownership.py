"""Who serves which slots: claims, configuration epochs, and the messages that settle them.

BACKGROUND. A primary claims its slots in every header, with its configuration epoch. The larger
epoch wins a slot, so any two nodes that hear the same claims agree without talking it over.

INVARIANTS.
- A slot changes hands by gossip only to a larger configuration epoch than the one it was last claimed
  with, or from nobody. That is the owner's own epoch, unless its latest claim leaves the slot out: an owner
  that has lost slots and then won others has a larger epoch than who took the first ones from it.
- No two primaries keep the same configuration epoch: the one with the smaller id takes a new one.
- A move into this node follows its slot: when the slot has a new owner, that is the source from then on,
  and the import is stale until it is begun again. (Redis freezes the slot of an import instead, and an
  abandoned import stays wrong.)
- A slot that was imported and is claimed back by the shard that it came from, by a node that was elected
  without knowing of the hand-over, is still an import: its keys are here, and nowhere else.
- Keys of other lost slots are deleted, but for those of a slot that was moving to the taker and was not yet
  empty: somebody has handed it over too early, and what is here was acknowledged. They stay, unserved,
  until `fix` moves them.

BEHAVIOUR. A claim that is older than what we know is answered with UPDATE, on the link the claim
came by and before any pong, so that the claimant learns of its loss before it may believe its lease.
A primary that loses its last slot follows the primary of its shard, if there is one, else the taker; keys of
other lost slots are deleted.
"""

from __future__ import annotations

from garrison.node.border import DropSlots
from garrison.node.core import slots as sl
from garrison.node.core.context import Context
from garrison.node.core.nodes import Link, Node


class Ownership:
    """The settling of claims."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def receive_claim(self, sender: Node, claimed: bytes, epoch: int, link: Link) -> None:
        """A header of `sender` claims slots for its primary (or itself, being one)."""
        primary = sender if sender.is_primary() else sender.primary
        if primary is None:
            return
        if claimed == sl.to_bitmap(primary.slots):
            if sender is primary:
                sender.record_claim(sender.slots, epoch)
            return
        slots = sl.from_bitmap(claimed)
        if sender.is_primary():
            sender.record_claim(slots, epoch)
            self.take_claim(sender, epoch, slots)
        self._refute(sender, slots, epoch, link)

    def take_claim(self, claimant: Node, epoch: int, slots: int) -> None:
        """Give `claimant` those of the slots that are free or were last claimed with a smaller epoch."""
        context = self._context
        me, table = context.me, context.table
        contested = slots & ~claimant.slots
        mine = me if me.is_primary() else me.primary
        won = contested & ~table.assigned()
        from_mine = sl.NO_SLOTS
        for node in list(table):
            taken = node.slots & contested & ~node.keeps(epoch)
            if taken:
                won |= taken
                if node is mine:
                    from_mine = taken
                self._repoint(node, claimant, taken)
        if not won:
            return
        lost_by_me = me.slots & won
        back = sl.from_slots(
            slot
            for slot, shard_id in table.imported.items()
            if sl.has(from_mine, slot) and shard_id == claimant.shard_id
        )
        leaving = sl.from_slots(slot for slot, target in table.migrating.items() if target is claimant)
        table.assign(won, claimant)
        for slot, source in table.importing.items():
            if sl.has(won, slot) and source is not claimant:
                table.importing[slot] = claimant
                table.stale_imports.add(slot)
        for slot in sl.each(back) if mine is me else ():
            del table.imported[slot]
            table.importing[slot] = claimant
            table.stale_imports.add(slot)
        context.changed()
        if from_mine and mine is not None and claimant is not me and not back:
            self._after_loss(claimant, mine, slots == from_mine, lost_by_me & ~leaving)
        elif lost := lost_by_me & ~leaving & ~back:
            context.act(DropSlots(sl.ranges(lost)))

    def _repoint(self, former: Node, claimant: Node, taken: int) -> None:
        """The target of my leaving slots lost all its slots to `claimant`, which goes on with the move."""
        table = self._context.table
        if claimant is table.me or taken != former.slots:
            return
        for slot, node in list(table.migrating.items()):
            if node is former:
                table.migrating[slot] = claimant

    def _after_loss(self, taker: Node, mine: Node, is_failover: bool, lost_by_me: int) -> None:
        """Slots of the primary that I am or follow went to `taker`."""
        context = self._context
        if not mine.slots and (context.settings.cluster_allow_replica_migration or is_failover):
            taker = self._successor(mine) or taker
            self.follow_taker(taker, same_shard=is_failover if _one_is_unknown(taker, mine) else None)
        elif lost_by_me:
            context.act(DropSlots(sl.ranges(lost_by_me)))

    def _successor(self, former: Node) -> Node | None:
        """Who serves the shard of a former owner. It need not have taken the last slot: others may have got
        slots of that shard in the meantime, and the shard needs its replicas more than they do."""
        for node in self._context.table:
            if node.slots and node is not former and node.shard_id and node.shard_id == former.shard_id:
                return node
        return None

    def follow_taker(self, taker: Node, *, same_shard: bool | None = None) -> None:
        """My last slot, or my primary's, went to `taker`."""
        name = taker.name_for_people()
        self._context.log("notice", f"Configuration change: I have no slots left and follow {name}.")
        self.follow(taker, same_shard=same_shard)

    def follow(self, primary: Node, *, same_shard: bool | None = None) -> None:
        """Become a replica of `primary`, in the shard that I am in or in another; None: by their shard
        ids."""
        context = self._context
        me = context.me
        assert primary is not me, "a node cannot follow itself"
        assert primary.is_primary(), "a node follows primaries only"
        if same_shard is None:
            same_shard = bool(me.shard_id) and me.shard_id == primary.shard_id
        if not same_shard:
            context.data.leave_shard()
        context.table.clear_marks()
        context.marks_taken = 0
        context.table.set_replica(me, primary)
        if primary.ip and primary.port:
            context.data.follow(primary.ip, primary.port)
        context.changed(sync=True)
        context.announce_due = True

    def fold_chain(self) -> None:
        """My primary has become a replica itself: follow the one that it follows."""
        context = self._context
        mine = context.me.primary
        if mine is None or mine.primary is None:
            return
        above = mine.primary
        if above is not context.me and above.is_primary():
            context.log("notice", f"I'm a replica of a replica: I follow {above.name_for_people()} now.")
            self.follow(above, same_shard=True if _one_is_unknown(above, mine) else None)

    def refollow(self) -> None:
        """The address of my primary is another one now, or has become known."""
        primary = self._context.me.primary
        if primary is not None and primary.ip and primary.port:
            self._context.data.follow(primary.ip, primary.port)

    def _refute(self, sender: Node, slots: int, epoch: int, link: Link) -> None:
        """Answer a claim that is older than what we know with the newest configuration we have."""
        for node in self._context.table:
            kept = node.keeps(epoch + 1)
            if node is sender or not kept & slots:
                continue
            self._context.log(
                "verbose",
                f"Node {sender.name_for_people()} has old slots configuration, "
                f"sending an UPDATE message about {node.name_for_people()}",
            )
            self._context.send_update(link, node, kept)
            return

    def receive_update(self, sender: Node, node_id: str, epoch: int, slots: bytes) -> None:
        """A known peer has sent UPDATE: an owner with a larger epoch than we knew."""
        context = self._context
        node = context.table.known(node_id)
        if node is None or epoch <= node.config_epoch or node is context.me:
            return
        if node.is_replica():
            context.table.set_primary(node)
        node.config_epoch = epoch
        context.current_epoch = max(context.current_epoch, epoch)
        context.changed()
        node.record_claim(sl.from_bitmap(slots), epoch)
        self.take_claim(node, epoch, sl.from_bitmap(slots))

    def receive_epoch(self, sender: Node) -> None:
        """Two primaries with one configuration epoch: the one with the smaller id moves on."""
        context = self._context
        me = context.me
        if not (sender.is_primary() and me.is_primary()):
            return
        if sender.config_epoch != me.config_epoch or sender.node_id <= me.node_id:
            return
        me.config_epoch = context.raise_epoch()
        context.changed(sync=True)
        context.log(
            "verbose",
            f"configEpoch collision with node {sender.name_for_people()}. "
            f"Updating my configEpoch to {me.config_epoch}",
        )

    def next_epoch(self) -> int:
        """The epoch with which a claim of mine wins: my own if it is the largest and I gave my vote in it to
        nobody, else a new one."""
        context = self._context
        largest = max(context.table.max_epoch(), context.current_epoch)
        me = context.me
        if me.config_epoch and me.config_epoch == largest > context.last_vote_epoch:
            return me.config_epoch
        context.current_epoch = max(context.current_epoch, largest)
        return context.raise_epoch()

    def bump_epoch(self) -> int | None:
        """Take a new, largest configuration epoch without a vote; None if mine is the largest."""
        context = self._context
        me = context.me
        epoch = self.next_epoch()
        if epoch == me.config_epoch:
            return None
        me.config_epoch = epoch
        context.changed(sync=True)
        context.announce_due = True
        context.log("notice", f"New configEpoch set to {me.config_epoch}")
        return me.config_epoch


def _one_is_unknown(one: Node, other: Node) -> bool:
    """Whether a shard id is missing, as from servers that have none."""
    return not one.shard_id or not other.shard_id
