"""Steps have sentences for people and commands that do the same."""

from garrison.cluster.core.manager import steps
from garrison.cluster.core.manager.conditions import Observations
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.jobs import Records, Step, StepKind
from garrison.cluster.core.manager.situation import Situation, Spare
from tests.unit.cluster.core.manager.cluster_model import NOW_MS, ClusterModel

SITUATION = Situation(DesiredState(), ClusterModel.of(3, 1).picture(), Records(), Observations(), NOW_MS)
FIRST, FOURTH = f"{0:040x}", f"{3:040x}"
SPARE = Spare("[::1]:7009", "[::1]:7009", "::1", "", is_member=False)


def test_explanations_name_addresses() -> None:
    move = steps.move_slots(FIRST, FOURTH, (1, 2, 3, 9), SITUATION)
    assert move.explanation == "Move 4 slots (1-3,9) from 10.0.0.1:7000 to 10.0.0.4:7003; clients go on."
    assert move.arguments == {"source": FIRST, "target": FOURTH, "slots": "1-3,9"}
    assert "10.0.0.4:7003" in steps.hand_over(FOURTH, FIRST, SITUATION).explanation


def test_commands_do_the_same() -> None:
    first = SITUATION.nodes[FIRST]
    made = [
        steps.meet(SPARE),
        steps.replicate(SPARE.name, FIRST, SITUATION),
        steps.configure(first, {"save": "60 1"}),
        steps.forget(first),
        steps.reset(first),
        steps.restart(first),
        steps.verify("{}", "Check."),
    ]
    assert steps.command_for(made, SITUATION).split(" && ") == [
        "garrison cli -h 10.0.0.1 -p 7000 CLUSTER MEET ::1 7009",
        f"garrison cli -h ::1 -p 7009 CLUSTER REPLICATE {FIRST}",
        "garrison cli -h 10.0.0.1 -p 7000 CONFIG SET save '60 1'",
        f"garrison cluster call 10.0.0.1:7000 CLUSTER FORGET {FIRST}",
        "garrison cli -h 10.0.0.1 -p 7000 CLUSTER RESET HARD",
        "garrison cli -h 10.0.0.1 -p 7000 SHUTDOWN",
    ]


def test_addresses_are_quoted_for_the_shell() -> None:
    """A spare's name is anything, and zsh takes the brackets of IPv6 for a pattern."""
    odd = Spare("$(reboot):7009", "$(reboot):7009", "", "", is_member=False)
    made = [steps.meet(odd), steps.replicate(odd.name, FIRST, SITUATION)]
    assert steps.command_for(made, SITUATION).split(" && ") == [
        "garrison cli -h 10.0.0.1 -p 7000 CLUSTER MEET '$(reboot)' 7009",
        f"garrison cli -h '$(reboot)' -p 7009 CLUSTER REPLICATE {FIRST}",
    ]


def test_target_of_a_backup_is_quoted_for_the_shell() -> None:
    backup = Step(kind=StepKind.BACKUP, arguments={"target": "/a b; rm x"})
    assert (
        steps.command_for([backup], SITUATION) == "garrison backup create '/a b; rm x' --from 10.0.0.1:7000"
    )


def test_spare_that_helped_out_is_one_again() -> None:
    assert [step.kind for step in steps.dismiss(SPARE)] == [StepKind.FORGET, StepKind.RESET]
