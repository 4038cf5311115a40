"""Filled records that cross more than one border."""

from modicum_server.domain.access import Grant, NewToken, Token
from modicum_server.domain.audits import Audit, AuditItem, AuditSpecification
from modicum_server.domain.erasures import Erasure, ErasureState
from modicum_server.domain.findings import Finding, Prediction, Subset, Transfer
from modicum_server.domain.holds import Hold, NewHold
from modicum_server.domain.models import (
    Endpoint,
    Ensemble,
    Executable,
    ExecutableKind,
    InputDropout,
    Weights,
)
from modicum_server.domain.projects import Role
from modicum_server.domain.retention import Retention
from modicum_server.domain.reviews import Review
from modicum_server.domain.spot_swaps import SpotSwap, SwapState
from modicum_server.domain.spots import SpotRow
from modicum_server.domain.statistics import Statistics
from modicum_server.domain.stopping import Stopped
from modicum_server.domain.tasks import (
    GivenSubset,
    ScoreWork,
    SearchWork,
    SpotWork,
    SubsetScore,
    Task,
    TaskChecked,
    TaskFindings,
    TaskFinished,
    TaskHeartbeat,
    TaskScores,
    TaskSpots,
    TaskStarted,
)
from modicum_server.domain.trail import NewTrailEntry, Seal, TrailEntry
from modicum_server.domain.trust import NewTrustRule, TrustRule
from modicum_server.domain.verdicts import Verdict, VerdictOutcome

from tests.borders.filling import filled

SOURCES = {
    "weights": filled(Weights),
    "exported": filled(Executable, kind=ExecutableKind.EXPORTED),
    "torchscript": filled(Executable, kind=ExecutableKind.TORCHSCRIPT),
    "ensemble": filled(Ensemble),
    "input_dropout": filled(InputDropout),
    "endpoint": filled(Endpoint),
}
FINDING = filled(Finding)
VALID_STATISTICS = Statistics(level=0.9, alpha=0.1, ratio_limit=2.0, accuracy_limit=-0.1)
AUDIT = filled(Audit, specification=filled(AuditSpecification, statistics=VALID_STATISTICS))

#: What callers are not shown: an endpoint's scores of the probe picture, which a task carries beside its version.
NOT_TOLD_OF_VERSIONS = frozenset({"check.probe"})
#: What callers are not shown: the key of a stored result.
NOT_TOLD_OF_AUDITS = frozenset({"reuse_key"})

ITEM = filled(AuditItem, position=3)
GIVEN = filled(GivenSubset, position=3)
SEARCH_TASK = filled(Task, work=filled(SearchWork, items=(ITEM,)))
SCORE_TASK = filled(Task, work=filled(ScoreWork, items=(ITEM,), subsets=(GIVEN,)))
SPOT_TASK = filled(Task, work=filled(SpotWork, items=(ITEM,), subsets={0: filled(Subset)}))
SPOT_ROW = filled(SpotRow)
VERDICT = filled(Verdict, outcome=VerdictOutcome.FAIL)
PREDICTION = filled(Prediction, reason=None)  # a prediction or a reason
TRANSFER = filled(Transfer)
STOPPED = filled(Stopped)
REVIEW = filled(Review)
HOLD = filled(Hold)
RETENTION = filled(Retention)
NEW_HOLD = filled(NewHold, name="projects/default/holds/one")
ERASURE = filled(Erasure, name="projects/default/erasures/one", state=ErasureState.RUNNING)
SWAP = filled(SpotSwap, state=SwapState.FAILED)
GRANT, TOKEN = filled(Grant), filled(Token)
TRUST_RULE = filled(TrustRule)
NEW_TRUST_RULE = filled(NewTrustRule, name="projects/one/trustRules/main", role=Role.AUDITOR)
NEW_TOKEN = filled(NewToken, project="projects/one", trust_rule=NEW_TRUST_RULE.name)
TRAIL_ENTRY, NEW_TRAIL_ENTRY, SEAL = filled(TrailEntry), filled(NewTrailEntry), filled(Seal)

#: What the model process says of a task, by the body of its chunk.
EVENTS = {
    "started": filled(TaskStarted),
    "heartbeat": filled(TaskHeartbeat),
    "findings": filled(TaskFindings),
    "scores": filled(TaskScores, scores=(filled(SubsetScore, given=GIVEN, reason=None),)),
    # the worker itself writes why a row was not tested
    "spots": filled(TaskSpots, rows=(filled(SpotRow, reason=None),)),
    "check": filled(TaskChecked),
    "finished": filled(TaskFinished),
}
