"""The use cases of one API process, built once and shared by both transports."""

from dataclasses import dataclass

import structlog

from modicum_server.domain.audits import Audit
from modicum_server.domain.verdicts import Verdict
from modicum_server.images.objects import check_objects
from modicum_server.ports import ArtifactStore, Changes, ReportRenderer, Store
from modicum_server.settings import Settings
from modicum_server.transports.call_metrics import CallMetrics
from modicum_server.transports.methods.artifacts import ArtifactMethods
from modicum_server.transports.methods.audits import AuditMethods
from modicum_server.transports.methods.datasets import DatasetMethods
from modicum_server.transports.methods.models import ModelMethods
from modicum_server.transports.methods.projects import ProjectMethods
from modicum_server.transports.methods.verdicts import VerdictMethods
from modicum_server.usecases.artifacts import Artifacts
from modicum_server.usecases.audit_creation import AuditCreation
from modicum_server.usecases.audits import Audits
from modicum_server.usecases.datasets import Datasets
from modicum_server.usecases.findings import Findings
from modicum_server.usecases.judging import Judging
from modicum_server.usecases.models import Models
from modicum_server.usecases.projects import Projects
from modicum_server.usecases.reports import Reports
from modicum_server.usecases.verdicts import Verdicts
from modicum_server.usecases.versions import Versions
from modicum_server.usecases.watching import Watching

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """The methods of the contract, one attribute for each service, and the watches that a stop has to end."""

    projects: ProjectMethods
    models: ModelMethods
    datasets: DatasetMethods
    artifacts: ArtifactMethods
    audits: AuditMethods
    verdicts: VerdictMethods
    watching: Watching


def build_services(
    store: Store,
    changes: Changes,
    artifacts: ArtifactStore,
    renderer: ReportRenderer,
    *,
    settings: Settings,
    metrics: CallMetrics,
) -> Services:
    """Build every use case over these adapters."""
    audits, reports = Audits(store), Reports(store, artifacts, renderer)
    watching = Watching(store, changes, settings)
    metrics.count_watchers(lambda: watching.count)
    return Services(
        projects=ProjectMethods(Projects(store)),
        models=ModelMethods(Models(store), Versions(store, settings)),
        datasets=DatasetMethods(Datasets(store, artifacts, settings, check_objects=check_objects)),
        artifacts=ArtifactMethods(Artifacts(store, artifacts, settings), metrics),
        audits=AuditMethods(
            audits=audits,
            creation=AuditCreation(store, settings, on_created=lambda audit: _acknowledged(audit, metrics)),
            findings=Findings(store),
            watching=watching,
            reports=reports,
            judging=Judging(store, artifacts, reports, on_judged=lambda verdict: _judged(verdict, metrics)),
        ),
        verdicts=VerdictMethods(Verdicts(store)),
        watching=watching,
    )


def _judged(verdict: Verdict, metrics: CallMetrics) -> None:
    """Count the verdict, and log the line that leads from a request id to a verdict."""
    metrics.verdict_stored(verdict.outcome)
    log.info("audit_judged", audit=verdict.audit, verdict=verdict.name, outcome=verdict.outcome)


def _acknowledged(audit: Audit, metrics: CallMetrics) -> None:
    """Count the audit, and log the line that leads from a request id to an audit."""
    metrics.audit_acknowledged(reused=bool(audit.reused_from))
    log.info("audit_acknowledged", audit=audit.name, reused_from=audit.reused_from or None)
