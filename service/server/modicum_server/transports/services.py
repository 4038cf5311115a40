"""The use cases of one API process, built once and shared by both transports."""

from dataclasses import dataclass, field

import structlog

from modicum_server.domain.audits import Audit
from modicum_server.domain.trust import ExchangeOutcome
from modicum_server.domain.verdicts import Verdict
from modicum_server.errors import ArtifactCorrupt
from modicum_server.images.objects import check_objects
from modicum_server.ports import (
    NO_TRACES,
    ArtifactStore,
    Changes,
    EndpointEntries,
    IdentityTokens,
    ReportRenderer,
    SignInProvider,
    Store,
    Traces,
)
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
from modicum_server.usecases.artifacts import Artifacts
from modicum_server.usecases.audit_creation import AuditCreation
from modicum_server.usecases.audit_news import AuditNews
from modicum_server.usecases.audits import Audits
from modicum_server.usecases.datasets import Datasets
from modicum_server.usecases.drawn_pictures import PICTURES_AT_ONCE, DrawnPictures
from modicum_server.usecases.erasing import Erasing
from modicum_server.usecases.findings import Findings
from modicum_server.usecases.found_so_far import FoundSoFar
from modicum_server.usecases.holds import Holds
from modicum_server.usecases.judging import POLICIES_AT_ONCE, Judging
from modicum_server.usecases.members import Members, Tokens
from modicum_server.usecases.model_lines import ModelLines
from modicum_server.usecases.models import Models
from modicum_server.usecases.needs import Needs
from modicum_server.usecases.overviews import Overviews
from modicum_server.usecases.projects import Projects
from modicum_server.usecases.provider_sign_in import ProviderSignIn
from modicum_server.usecases.refused_attempts import RefusedAttempts
from modicum_server.usecases.reports import REPORTS_AT_ONCE, Reports
from modicum_server.usecases.result_facts import ResultFacts
from modicum_server.usecases.retention import Retentions
from modicum_server.usecases.reviewing import Reviewing
from modicum_server.usecases.reviews import Reviews
from modicum_server.usecases.sessions import Sessions
from modicum_server.usecases.shares import CallRates, CallTurns
from modicum_server.usecases.side_by_side import Comparing
from modicum_server.usecases.spot_swaps import SpotSwaps
from modicum_server.usecases.threads_in_turn import ThreadsInTurn
from modicum_server.usecases.token_exchange import Exchanged, TokenExchange
from modicum_server.usecases.trail import Trail
from modicum_server.usecases.trends import Trends
from modicum_server.usecases.trust_rules import TrustRules
from modicum_server.usecases.verdicts import Verdicts
from modicum_server.usecases.versions import Versions
from modicum_server.usecases.watching import Watching

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UseCases:
    """What can be done, as the pages call it: plain values in and out."""

    projects: Projects
    sessions: Sessions
    provider_sign_in: ProviderSignIn
    members: Members
    tokens: Tokens
    trust_rules: TrustRules
    token_exchange: TokenExchange
    trail: Trail
    models: Models
    versions: Versions
    datasets: Datasets
    artifacts: Artifacts
    drawn_pictures: DrawnPictures
    audits: Audits
    audit_creation: AuditCreation
    findings: Findings
    found_so_far: FoundSoFar
    reports: Reports
    judging: Judging
    policy_threads: ThreadsInTurn
    verdicts: Verdicts
    reviews: Reviews
    reviewing: Reviewing
    watching: Watching
    audit_news: AuditNews
    overviews: Overviews
    needs: Needs
    trends: Trends
    comparing: Comparing
    spot_swaps: SpotSwaps
    erasing: Erasing
    holds: Holds
    retentions: Retentions


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
    store: Store,
    changes: Changes,
    artifacts: ArtifactStore,
    renderer: ReportRenderer,
    *,
    identity_tokens: IdentityTokens,
    endpoints: EndpointEntries,
    settings: Settings,
    metrics: CallMetrics,
    sign_in_provider: SignInProvider | None = None,
    refused: RefusedAttempts | None = None,
    traces: Traces = NO_TRACES,
) -> Services:
    """Build every use case over these adapters. Without a `sign_in_provider`, people sign in by token alone."""
    report_threads = ThreadsInTurn("reports", REPORTS_AT_ONCE)
    picture_threads = ThreadsInTurn("pictures", PICTURES_AT_ONCE)
    policy_threads = ThreadsInTurn("policies", POLICIES_AT_ONCE)
    reports = Reports(store, artifacts, renderer, report_threads, settings=settings)
    watching = Watching(store, changes, settings)
    sessions = Sessions(store)
    facts = ResultFacts(artifacts, on_corrupt=lambda error: _corrupt(error, metrics))
    lines = ModelLines(facts)
    needs = Needs(store, lines)
    metrics.count_watchers(lambda: watching.count)
    use_cases = UseCases(
        projects=Projects(store),
        sessions=sessions,
        provider_sign_in=ProviderSignIn(store, sign_in_provider, settings),
        members=Members(store),
        tokens=Tokens(store),
        trust_rules=TrustRules(store, settings),
        token_exchange=TokenExchange(
            store, identity_tokens, on_exchange=lambda outcome, made: _exchanged(outcome, made, metrics)
        ),
        trail=Trail(store),
        models=Models(store),
        versions=Versions(store, settings, endpoints),
        datasets=Datasets(store, artifacts, settings, check_objects=check_objects),
        artifacts=Artifacts(store, artifacts, settings),
        drawn_pictures=DrawnPictures(store, artifacts, renderer, reports, picture_threads, settings=settings),
        audits=Audits(store),
        audit_creation=AuditCreation(store, settings, on_created=lambda audit: _created(audit, metrics)),
        findings=Findings(store),
        found_so_far=FoundSoFar(store),
        reports=reports,
        judging=Judging(
            store,
            artifacts,
            reports,
            report_threads,
            policy_threads,
            on_judged=lambda verdict: _judged(verdict, metrics),
        ),
        policy_threads=policy_threads,
        verdicts=Verdicts(store, artifacts),
        reviews=Reviews(store, artifacts, report_threads),
        reviewing=Reviewing(store, artifacts, renderer, reports, picture_threads, settings=settings),
        watching=watching,
        audit_news=AuditNews(watching, sessions),
        overviews=Overviews(store, lines, needs),
        needs=needs,
        trends=Trends(store, facts),
        comparing=Comparing(store, facts),
        spot_swaps=SpotSwaps(store, artifacts, renderer, reports, picture_threads, settings=settings),
        erasing=Erasing(store),
        holds=Holds(store),
        retentions=Retentions(store),
    )
    call_rates = CallRates(
        of_principal=settings.max_calls_per_second, of_project=settings.max_calls_per_second_per_project
    )
    return _services(use_cases, metrics, call_rates, refused or RefusedAttempts(store), traces)


def _services(
    use_cases: UseCases, metrics: CallMetrics, call_rates: CallRates, refused: RefusedAttempts, traces: Traces
) -> Services:
    """The methods of each service, over its use cases."""
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
        call_rates=call_rates,
        refused=refused,
        traces=traces,
    )


def _corrupt(error: ArtifactCorrupt, metrics: CallMetrics) -> None:
    """Count damaged bytes without which a page goes on, and log which they are."""
    metrics.artifact_corrupt()
    log.error("artifact_corrupt", **error.metadata)


def _exchanged(outcome: ExchangeOutcome, exchanged: Exchanged | None, metrics: CallMetrics) -> None:
    """Count the exchange, and log which job got which token. No token is in the log."""
    metrics.token_exchanged(outcome)
    if exchanged is not None:
        token = exchanged.made.token
        log.info("token_exchanged", rule=exchanged.rule.name, token=token.id, subject=token.display_name)


def _judged(verdict: Verdict, metrics: CallMetrics) -> None:
    """Count the verdict, and log the line that leads from a request id to a verdict."""
    metrics.verdict_stored(verdict.outcome)
    log.info("audit_judged", audit=verdict.audit, verdict=verdict.name, outcome=verdict.outcome)


def _created(audit: Audit, metrics: CallMetrics) -> None:
    """Count the audit, and log the line that leads from a request id to an audit."""
    metrics.audit_created(reused=bool(audit.reused_from))
    log.info("audit_created", audit=audit.name, reused_from=audit.reused_from or None)
