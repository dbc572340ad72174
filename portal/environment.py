"""The variables that the platform reads, typed and loud. `settings.py` makes Django's of them.

A wrong or missing value stops the process with one line that names the variable. `./dev up` sets
what the embedded default needs; production sets DATABASE_URL, BROKER_URL, ATELIER_SECRET_KEY and
the addresses, and changes nothing else.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import Field, IPvAnyNetwork, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Environment(BaseSettings):
    """The variables. `ATELIER_<NAME>` unless another name is given."""

    model_config = SettingsConfigDict(env_prefix="ATELIER_", env_ignore_empty=True)

    mode: Literal["embedded", "production"] = "embedded"
    data: Path = ROOT / ".data"
    port: int = Field(8000, ge=1, le=65535)
    gateway_port: int = Field(8001, ge=1, le=65535)
    portal_origin: str = ""  # exact public origin; embedded: http://localhost:<port>
    desk_origin: str = ""  # with {id}; embedded: http://d-{id}.localhost:<gateway port>
    portal_internal_url: str = ""  # where the gateway reaches the portal; embedded: 127.0.0.1
    secret_key: str = Field("", repr=False)
    gateway_key: str = Field("", repr=False)  # shared by portal and gateway, for /internal/
    debug: bool = False
    language: Literal["en", "zh-hans"] = "en"

    database_url: str = Field("", validation_alias="DATABASE_URL", repr=False)
    broker_url: str = Field("", validation_alias="BROKER_URL", repr=False)
    smtp_url: str = Field("", repr=False)  # smtp[s]://user:password@host:port
    mail_from: str = "Atelier <atelier@localhost>"
    trusted_proxies: int = Field(1, ge=0, le=9)  # in front of the portal, in production

    driver: Literal["local", "memory", "kubernetes"] = "local"
    local_slots: int = Field(4, ge=1, le=64)  # how many desktops run here at a time
    local_sandbox: Literal["auto", "none"] = "auto"
    # Addresses or networks that desktops here reach although they are private: ["192.168.1.20"]
    local_allowed_networks: list[IPvAnyNetwork] = []
    desktop_env: Path = ROOT / ".envs" / "desktop"  # where the streamer is installed
    local_setups: Path | None = None  # where setups are prepared; none: in the data folder
    setups_folder: Path | None = None  # creators' own setups, beside those of the checkout
    start_deadline_s: int = Field(600, ge=5)
    tenant_running_limit: int = Field(10, ge=0)  # desktops of one tenant at a time; 0: no limit

    kubeconfig: Path | None = None  # none: this runs inside the cluster
    kube_prefix: str = Field("atelier", pattern=r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$")
    kube_worker_account: str = Field(  # namespace/name of the account that makes the pods
        "atelier-system/atelier-worker", pattern=r"^[a-z0-9-]+/[a-z0-9-]+$"
    )
    kube_gateway_namespace: str = Field("atelier-system", pattern=r"^[a-z0-9-]+$")
    # Where images of setups come from that name none of their own: <this>/<setup>:<version>
    kube_image_registry: str = Field("", pattern=r"^([a-z0-9.:_/-]+[a-z0-9])?$")
    kube_storage_class: str = ""  # empty: the cluster's default
    kube_runtime_class: str = ""  # of pods with a card, such as nvidia
    kube_priority_class: str = ""
    kube_image_pull_secret: str = ""
    # Claim of the same name in every tenant's namespace, of a store that `images.models` filled.
    kube_models_claim: str = Field("", pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$")
    kube_blocked_cidrs: list[str] = []  # no desktop reaches these: pods, services, machines
    kube_tolerations: list[dict[str, str]] = []
    kube_tenant_quota: dict[str, str] = {  # a wall behind the queue's own limit
        "pods": "50",
        "persistentvolumeclaims": "200",
        "requests.storage": "100Ti",
        "requests.nvidia.com/gpu": "50",
    }

    @model_validator(mode="after")
    def _complete(self) -> Environment:
        self.data = self.data.resolve()
        if self.mode == "production":
            missing = [
                name
                for name, value in {
                    "ATELIER_SECRET_KEY": self.secret_key,
                    "ATELIER_GATEWAY_KEY": self.gateway_key,
                    "ATELIER_PORTAL_ORIGIN": self.portal_origin,
                    "ATELIER_DESK_ORIGIN": self.desk_origin,
                    "ATELIER_SMTP_URL": self.smtp_url,
                    "DATABASE_URL": self.database_url,
                    "BROKER_URL": self.broker_url,
                }.items()
                if not value
            ]
            if missing:
                raise ValueError("production needs " + ", ".join(missing))
        self.portal_origin = self.portal_origin or f"http://localhost:{self.port}"
        self.desk_origin = self.desk_origin or f"http://d-{{id}}.localhost:{self.gateway_port}"
        self.portal_internal_url = self.portal_internal_url or f"http://127.0.0.1:{self.port}"
        self.secret_key = self.secret_key or self._kept_key("secret-key")
        self.gateway_key = self.gateway_key or self._kept_key("gateway-key")
        run = quote(str(self.run_dir))
        self.database_url = self.database_url or f"postgresql://atelier@/atelier?host={run}"
        self.broker_url = self.broker_url or f"redis+socket://{run}/valkey.sock"
        if "{id}" not in self.desk_origin:
            raise ValueError("ATELIER_DESK_ORIGIN must contain {id}")
        return self

    @property
    def run_dir(self) -> Path:
        """Where the Unix sockets are; `./dev up` puts them elsewhere where their paths would be
        too long, or of characters that PostgreSQL takes for its own."""
        pointer = self.data / "run-dir"
        return Path(pointer.read_text().strip()) if pointer.is_file() else self.data / "run"

    def _kept_key(self, name: str) -> str:
        """The embedded platform's own random keys, made by `./dev up` in the data folder."""
        path = self.data / "keys" / name
        return path.read_text().strip() if path.is_file() else ""


def read() -> Environment:
    """The variables of this process; one line for each that is wrong, and exit status 2."""
    try:
        return Environment()  # type: ignore[call-arg]
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            if name and name not in ("DATABASE_URL", "BROKER_URL"):
                name = f"ATELIER_{name}"
            sys.stderr.write(f"settings: {name} {problem['msg']}\n")
        raise SystemExit(2) from None
