"""The use cases of one API process, built once over its adapters."""

from dataclasses import dataclass

from modicum_server.images.objects import check_objects
from modicum_server.ports import (
    ArtifactStore,
    Changes,
    EndpointEntries,
    IdentityTokens,
    ReportRenderer,
    SignInProvider,
    Store,
)
from modicum_server.settings import Settings
from modicum_server.transports.call_metrics import CallMetrics
from modicum_server.transports.use_case_events import UseCaseEvents
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
from modicum_server.usecases.reports import REPORTS_AT_ONCE, Reports
from modicum_server.usecases.result_facts import ResultFacts
from modicum_server.usecases.retention import Retentions
from modicum_server.usecases.reviewing import Reviewing
from modicum_server.usecases.reviews import Reviews
from modicum_server.usecases.sessions import Sessions
from modicum_server.usecases.side_by_side import Comparing
from modicum_server.usecases.spot_swaps import SpotSwaps
from modicum_server.usecases.threads_in_turn import ThreadsInTurn
from modicum_server.usecases.token_exchange import TokenExchange
from modicum_server.usecases.trail import Trail
from modicum_server.usecases.trends import Trends
from modicum_server.usecases.trust_rules import TrustRules
from modicum_server.usecases.verdicts import Verdicts
from modicum_server.usecases.versions import Versions
from modicum_server.usecases.watching import Watching


@dataclass(frozen=True, slots=True)
class Adapters:
    """Through what use cases reach anything outside. Without a `sign_in_provider`, people sign in by token alone."""

    store: Store
    changes: Changes
    artifacts: ArtifactStore
    renderer: ReportRenderer
    identity_tokens: IdentityTokens
    endpoints: EndpointEntries
    sign_in_provider: SignInProvider | None = None


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
class _Shared:
    """What several use cases share: the threads of heavy work, and what is read of results."""

    report_threads: ThreadsInTurn
    picture_threads: ThreadsInTurn
    policy_threads: ThreadsInTurn
    reports: Reports
    facts: ResultFacts
    lines: ModelLines

    @classmethod
    def over(cls, adapters: Adapters, settings: Settings, events: UseCaseEvents) -> "_Shared":
        report_threads = ThreadsInTurn("reports", REPORTS_AT_ONCE)
        facts = ResultFacts(adapters.artifacts, on_corrupt=events.corrupt)
        return cls(
            report_threads=report_threads,
            picture_threads=ThreadsInTurn("pictures", PICTURES_AT_ONCE),
            policy_threads=ThreadsInTurn("policies", POLICIES_AT_ONCE),
            reports=Reports(adapters.store, adapters.artifacts, adapters.renderer, report_threads, settings=settings),
            facts=facts,
            lines=ModelLines(facts),
        )


def build_use_cases(adapters: Adapters, settings: Settings, metrics: CallMetrics) -> UseCases:
    """Build every use case, one after another, over these adapters."""
    store, artifacts, events = adapters.store, adapters.artifacts, UseCaseEvents(metrics)
    shared = _Shared.over(adapters, settings, events)
    drawing = store, artifacts, adapters.renderer, shared.reports, shared.picture_threads
    watching, sessions, needs = Watching(store, adapters.changes, settings), Sessions(store), Needs(store, shared.lines)
    metrics.count_watchers(lambda: watching.count)
    return UseCases(
        projects=Projects(store),
        sessions=sessions,
        provider_sign_in=ProviderSignIn(store, adapters.sign_in_provider, settings),
        members=Members(store),
        tokens=Tokens(store),
        trust_rules=TrustRules(store, settings),
        token_exchange=TokenExchange(store, adapters.identity_tokens, on_exchange=events.exchanged),
        trail=Trail(store),
        models=Models(store),
        versions=Versions(store, settings, adapters.endpoints),
        datasets=Datasets(store, artifacts, settings, check_objects=check_objects),
        artifacts=Artifacts(store, artifacts, settings),
        drawn_pictures=DrawnPictures(*drawing, settings=settings),
        audits=Audits(store),
        audit_creation=AuditCreation(store, settings, on_created=events.created),
        findings=Findings(store),
        found_so_far=FoundSoFar(store),
        reports=shared.reports,
        judging=Judging(
            store,
            artifacts,
            shared.reports,
            shared.report_threads,
            shared.policy_threads,
            on_judged=events.judged,
        ),
        policy_threads=shared.policy_threads,
        verdicts=Verdicts(store, artifacts),
        reviews=Reviews(store, artifacts, shared.report_threads),
        reviewing=Reviewing(*drawing, settings=settings),
        watching=watching,
        audit_news=AuditNews(watching, sessions),
        overviews=Overviews(store, shared.lines, needs),
        needs=needs,
        trends=Trends(store, shared.facts),
        comparing=Comparing(store, shared.facts),
        spot_swaps=SpotSwaps(*drawing, settings=settings),
        erasing=Erasing(store),
        holds=Holds(store),
        retentions=Retentions(store),
    )
