"""The services of the contract in one API process, built once and shared by both transports."""

from dataclasses import dataclass, field

from modicum_server.ports import NO_TRACES, Traces
from modicum_server.settings import Settings
from modicum_server.transports.call_metrics import CallMetrics
from modicum_server.transports.methods.access import AccessMethods
from modicum_server.transports.methods.artifacts import ArtifactMethods
from modicum_server.transports.methods.audits import AuditMethods
from modicum_server.transports.methods.datasets import DatasetMethods
from modicum_server.transports.methods.erasures import ErasureMethods
from modicum_server.transports.methods.holds import HoldMethods
from modicum_server.transports.methods.models import ModelMethods
from modicum_server.transports.methods.projects import ProjectMethods
from modicum_server.transports.methods.reviews import ReviewMethods
from modicum_server.transports.methods.trust import TrustMethods
from modicum_server.transports.methods.verdicts import VerdictMethods
from modicum_server.transports.use_cases import Adapters, UseCases, build_use_cases
from modicum_server.usecases.refused_attempts import RefusedAttempts
from modicum_server.usecases.shares import CallRates, CallTurns
from modicum_server.usecases.watching import Watching


@dataclass(frozen=True, slots=True)
class Services:
    """The methods of the contract, one attribute for each service, and the use cases behind them. Bounds calls."""

    projects: ProjectMethods
    access: AccessMethods
    trust: TrustMethods
    models: ModelMethods
    datasets: DatasetMethods
    artifacts: ArtifactMethods
    audits: AuditMethods
    verdicts: VerdictMethods
    reviews: ReviewMethods
    erasures: ErasureMethods
    holds: HoldMethods
    use_cases: UseCases
    call_rates: CallRates
    refused: RefusedAttempts
    traces: Traces = NO_TRACES
    call_turns: CallTurns = field(default_factory=CallTurns)

    @property
    def watching(self) -> Watching:
        """The watches that a stop has to end."""
        return self.use_cases.watching


def build_services(
    adapters: Adapters,
    *,
    settings: Settings,
    metrics: CallMetrics,
    refused: RefusedAttempts | None = None,
    traces: Traces = NO_TRACES,
) -> Services:
    """Build the use cases over these adapters, and the methods of each service over its use cases."""
    use_cases = build_use_cases(adapters, settings, metrics)
    return Services(
        projects=ProjectMethods(use_cases.projects, use_cases.retentions),
        trust=TrustMethods(use_cases.trust_rules, use_cases.token_exchange),
        access=AccessMethods(use_cases.members, use_cases.tokens, use_cases.trail),
        models=ModelMethods(use_cases.models, use_cases.versions),
        datasets=DatasetMethods(use_cases.datasets),
        artifacts=ArtifactMethods(use_cases.artifacts, metrics),
        audits=AuditMethods(
            audits=use_cases.audits,
            creation=use_cases.audit_creation,
            findings=use_cases.findings,
            watching=use_cases.watching,
            reports=use_cases.reports,
            judging=use_cases.judging,
        ),
        verdicts=VerdictMethods(use_cases.verdicts),
        reviews=ReviewMethods(use_cases.reviews),
        erasures=ErasureMethods(use_cases.erasing),
        holds=HoldMethods(use_cases.holds),
        use_cases=use_cases,
        call_rates=CallRates(
            of_principal=settings.max_calls_per_second, of_project=settings.max_calls_per_second_per_project
        ),
        refused=refused or RefusedAttempts(adapters.store),
        traces=traces,
    )
